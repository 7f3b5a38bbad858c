// SPDX-License-Identifier: Apache-2.0

/// Which Millrace this is.
public enum MillraceVersion {
    /// As in CHANGELOG.md, by the rules of Semantic Versioning; `-dev` until it is released.
    public static let current = "0.1.0-dev"
}
