// The version of this program, as peers and `status` are told; a test holds it to package.json.
export const VERSION = '0.1.0';
