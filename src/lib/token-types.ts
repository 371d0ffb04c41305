/** Token types (RFC 8693 §3, and what came after it): what declares a token, and what one is asked for by. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
export const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:id_token'
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
/** Of Google's STS; registered nowhere, and taken here for lack of another (TE-86, TE-88). */
export const MTLS_TYPE = 'urn:ietf:params:oauth:token-type:mtls'
export const TRANSACTION_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:txn_token'
