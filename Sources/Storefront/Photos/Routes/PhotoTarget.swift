// SPDX-License-Identifier: Apache-2.0

/// What a path below `/v1/photos` names.
enum PhotoTarget: Equatable {
    case photos
    case photo(PhotoID)
    case variant(PhotoID, box: Int)

    /// nil for any other path. Only the plain form of a path is taken: none of these needs a percent sign.
    init?(path: String) {
        let parts = path.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].isEmpty, parts[1] == "v1", parts[2] == "photos" else { return nil }
        switch parts.count {
        case 3: self = .photos
        case 4:
            guard let id = PhotoID(String(parts[3])) else { return nil }
            self = .photo(id)
        case 5:
            guard let id = PhotoID(String(parts[3])),
                let box = PhotoLimits.boxes.first(where: { "\($0).webp" == parts[4] })
            else { return nil }
            self = .variant(id, box: box)
        default: return nil
        }
    }

    /// As the header `Allow` lists them.
    var methods: String {
        switch self {
        case .photos: "POST"
        case .photo: "GET, HEAD, DELETE"
        case .variant: "GET, HEAD"
        }
    }

    var path: String {
        switch self {
        case .photos: "/v1/photos"
        case .photo(let id): "/v1/photos/\(id)"
        case .variant(let id, let box): "/v1/photos/\(id)/\(box).webp"
        }
    }
}
