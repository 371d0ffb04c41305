import type { Preset } from '../contract.ts'

/** Projected service-account tokens (platform-tokens.md §2). */
export const kubernetes: Preset = {
  name: 'kubernetes',
  summary: 'Service-account tokens that a Kubernetes cluster projects into its pods, for an audience of ours.',
  sharedIssuer: false,
  fills: {
    credential: 'jwt',
    // RS256 or an ES algorithm by the key of the API server; these four are all there is.
    algorithms: ['RS256', 'ES256', 'ES384', 'ES512'],
    // The API server writes no typ; an external signer (KEP-740) must write JWT.
    typ: ['', 'JWT'],
    maxLifetime: '24h',
    maxAge: '24h',
    // A pod presents the same token until the kubelet rotates it (P-9).
    singleUse: false,
    // Bound tokens only (K-5), and none whose life the API server stretched to a year (K-4).
    condition: "has(assertion['kubernetes.io'].namespace) && !has(assertion['kubernetes.io'].warnafter)",
    subject: 'assertion.sub',
    instance: "has(assertion['kubernetes.io'].pod) ? assertion['kubernetes.io'].pod.uid : ''",
    attributes: {
      namespace: "assertion['kubernetes.io'].namespace",
      serviceaccount: "assertion['kubernetes.io'].serviceaccount.name",
      // Never used twice, unlike the names (K-1).
      serviceaccount_uid: "assertion['kubernetes.io'].serviceaccount.uid",
      pod: "has(assertion['kubernetes.io'].pod) ? assertion['kubernetes.io'].pod.name : ''",
      node: "has(assertion['kubernetes.io'].node) ? assertion['kubernetes.io'].node.name : ''",
    },
  },
  sample: {
    header: { alg: 'RS256', kid: 'Xq1zC0c0mYbJYk2yJ0a7tq8dE0S3k1vQpVt0mN2bU5w' },
    claims: {
      aud: ['https://cambist.example'],
      exp: 1795399200,
      iat: 1795395600,
      iss: 'https://oidc.prod.example',
      jti: '6a1f4b5e-0f6c-4c3d-9a9e-3f0f6d7b8c21',
      'kubernetes.io': {
        namespace: 'shop',
        node: { name: 'node-1', uid: '2d0a5b8e-7c1f-4f0e-9a63-0b1c5f1d9e01' },
        pod: { name: 'checkout-6d5f7c9b8-x2x7q', uid: '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11' },
        serviceaccount: { name: 'checkout', uid: '0c9d5d5e-57c2-4bd4-9a0c-6b8f5c6d7e21' },
      },
      nbf: 1795395600,
      sub: 'system:serviceaccount:shop:checkout',
    },
  },
}

/** What every cluster calls itself that was never told otherwise (K-8), and so the audience of its API server too (K-4). */
export const DEFAULT_CLUSTER_ISSUERS: ReadonlySet<string> = new Set([
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
])
