// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let package = Package(
    name: "hello",
    platforms: [.macOS(.v15)],
    // In a package of your own: .package(url: "https://…/millrace", from: "…")
    dependencies: [.package(name: "millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "hello",
            dependencies: [
                .product(name: "Millrace", package: "millrace"), .product(name: "MillraceCLI", package: "millrace"),
            ])
    ]
)
