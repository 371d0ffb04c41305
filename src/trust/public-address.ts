import { BlockList, isIP } from 'node:net'

/** What IANA keeps from the public internet (RFC 6890 and its registry), and one address by which a cloud serves secrets. */
const RESERVED_4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and the metadata service of most clouds
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['168.63.129.16', 32], // Azure's platform service: a public number that is answered inside the host
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4],
]

/** Parts of 2000::/3, the only public range of version 6, that lead elsewhere. */
const RESERVED_6: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23], // protocol assignments: Teredo, benchmarks, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: a version 4 address inside
  ['3fff::', 20], // documentation
]

const reserved = new BlockList()
for (const [network, prefix] of RESERVED_4) reserved.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of RESERVED_6) reserved.addSubnet(network, prefix, 'ipv6')
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')

/**
 * Whether an IP address belongs to the public internet (T26). Everything doubtful does not: private, shared, loopback,
 * link-local, multicast, documentation, and every version 6 range that can carry a version 4 address (mapped, NAT64, 6to4).
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !reserved.check(address, 'ipv4')
    case 6:
      return !address.includes('%') && global6.check(address, 'ipv6') && !reserved.check(address, 'ipv6')
    default:
      return false
  }
}
