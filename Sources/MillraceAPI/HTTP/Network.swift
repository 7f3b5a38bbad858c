// SPDX-License-Identifier: Apache-2.0

extension APIServer {
    /// A range of addresses, such as `10.0.0.0/8`, or one, such as `10.1.2.3`.
    ///
    /// Of IPv6 nothing smaller than a /64 is told apart.
    public struct Network: Sendable, Equatable, LosslessStringConvertible {
        public let description: String
        private let bytes: [UInt8]
        private let prefixLength: Int

        /// nil for what is neither an IP address nor one with the length of its prefix, and for an IPv6 prefix of more than
        /// 64 bits but an address's own 128.
        public init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let address = ClientAddress(String(parts[0])) else { return nil }
            let isV4 = address.bytes.count == 4
            let whole = address.bytes.count * 8
            var length = whole
            if parts.count == 2 {
                guard let given = Int(parts[1]), 0...whole ~= given || (!isV4 && given == 128) else { return nil }
                length = min(given, whole)
            }
            description = text
            bytes = address.bytes
            prefixLength = length
        }

        func contains(_ address: ClientAddress) -> Bool {
            guard address.bytes.count == bytes.count else { return false }
            return zip(address.bytes, bytes).enumerated().allSatisfy { index, pair in
                let bits = max(0, min(8, prefixLength - 8 * index))
                let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
                return pair.0 & mask == pair.1 & mask
            }
        }
    }
}
