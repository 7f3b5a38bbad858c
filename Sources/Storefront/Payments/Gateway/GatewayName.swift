// SPDX-License-Identifier: Apache-2.0

/// Names that the gateway gives, such as `pi_3MtwBwLkdIwHu7ix28a3tqPa`.
enum GatewayName {
    private static let bytesMax = 255

    /// Whether it may stand in a path.
    static func isValid(_ name: String, prefix: String) -> Bool {
        name.hasPrefix(prefix) && prefix.utf8.count + 1...bytesMax ~= name.utf8.count
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
