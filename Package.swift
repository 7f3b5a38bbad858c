// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import Foundation
import PackageDescription

// Warnings are errors where Millrace is developed and checked, never for those who merely depend on it: a newer compiler
// with a new warning must not break their build.
let warningsAreErrors = ProcessInfo.processInfo.environment["MILLRACE_WARNINGS_AS_ERRORS"] == "1"

let settings: [SwiftSetting] =
    [
        // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0335-existential-any.md
        .enableUpcomingFeature("ExistentialAny"),
        // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0444-member-import-visibility.md
        .enableUpcomingFeature("MemberImportVisibility"),
        // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0409-access-level-on-imports.md
        .enableUpcomingFeature("InternalImportsByDefault"),
        // https://github.com/swiftlang/swift-evolution/blob/main/proposals/0461-async-function-isolation.md
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "millrace",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Millrace", targets: ["Millrace"]),
        .library(name: "MillraceRedis", targets: ["MillraceRedis"]),
        .library(name: "MillracePostgres", targets: ["MillracePostgres"]),
        .library(name: "PostgresDriver", targets: ["PostgresDriver"]),
        .library(name: "MillraceWorker", targets: ["MillraceWorker"]),
        .library(name: "MillraceAPI", targets: ["MillraceAPI"]),
        .library(name: "MillraceCLI", targets: ["MillraceCLI"]),
        .library(name: "MillraceTesting", targets: ["MillraceTesting"]),
        .executable(name: "millrace", targets: ["MillraceMain"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.25.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.24.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
    ],
    targets: [
        // The thinnest layer over the C libraries.
        .systemLibrary(
            name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"]), .brew(["argon2"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(
            name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(name: "CVips", pkgConfig: "vips", providers: [.apt(["libvips-dev"]), .brew(["vips"])]),

        // Drivers: they know their store and no jobs.
        .target(
            name: "RedisDriver", dependencies: ["CHiredis", log, nioCore, nioPosix, nioSSL], swiftSettings: settings),
        .target(name: "PostgresDriver", dependencies: ["CLibPQ", log], swiftSettings: settings),

        // The vocabulary, the rules and the two contracts; no input or output.
        .target(name: "Millrace", dependencies: [log], swiftSettings: settings),

        // Adapters: one contract on one driver each.
        .target(
            name: "MillraceRedis", dependencies: ["Millrace", "RedisDriver", log, nioCore, nioPosix],
            resources: [.embedInCode("Scripts")], swiftSettings: settings),
        .target(
            name: "MillracePostgres", dependencies: ["Millrace", "PostgresDriver", log],
            resources: [.embedInCode("Queries"), .embedInCode("Migrations")], swiftSettings: settings),

        // The two ends of the mill: neither knows which stores it runs on.
        .target(
            name: "MillraceWorker", dependencies: ["Millrace", log, nioCore, nioPosix, serviceLifecycle],
            swiftSettings: settings),
        .target(
            name: "MillraceAPI",
            dependencies: [
                "Millrace", crypto, httpTypes, hummingbird, hummingbirdCore, hummingbirdTLS, log, nioCore, nioHTTPTypes,
                nioSSL, serviceLifecycle,
            ],
            swiftSettings: settings),

        // The composition of all parts, a library so that others can build a binary with their own jobs.
        .target(
            name: "MillraceCLI",
            dependencies: [
                "Millrace", "MillraceAPI", "MillracePostgres", "MillraceRedis", "MillraceWorker", "PostgresDriver",
                "RedisDriver", argumentParser, log, nioCore, nioPosix, serviceLifecycle, unixSignals, yams,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "MillraceMain", dependencies: ["Millrace", "MillraceCLI", "Storefront"], swiftSettings: settings),

        // Runs Millrace under faults, on processes and stores of its own, and proves that it keeps its promises.
        .executableTarget(
            name: "MillraceTorture",
            dependencies: [
                "Millrace", "MillraceCLI", "MillracePostgres", "PostgresDriver", argumentParser, asyncHTTPClient,
                nioCore, nioHTTP1,
            ],
            resources: [.embedInCode("Migrations")], swiftSettings: settings),

        // The application that Millrace is made for, and that a newcomer reads.
        .target(
            name: "Storefront",
            dependencies: [
                "CArgon2", "CCurl", "CVips", "Millrace", "MillraceAPI", "MillracePostgres", "PostgresDriver",
                asyncHTTPClient, crypto, httpTypes, log, mustache, nioCore, nioHTTP1, nioPosix, nioSSL,
                serviceLifecycle,
            ],
            resources: [.embedInCode("Queries"), .embedInCode("Migrations"), .embedInCode("Email/Templates")],
            swiftSettings: settings),

        // Memory stores, clocks and conformance suites, public so that users can test their jobs with them.
        .target(name: "MillraceTesting", dependencies: ["Millrace", log], swiftSettings: settings),

        .testTarget(
            name: "RedisDriverTests", dependencies: ["RedisDriver", log, nioCore, nioPosix], swiftSettings: settings),
        .testTarget(name: "PostgresDriverTests", dependencies: ["PostgresDriver", log], swiftSettings: settings),
        .testTarget(
            name: "MillraceTests", dependencies: ["Millrace", "MillraceTesting", log], swiftSettings: settings),
        .testTarget(
            name: "MillraceRedisTests",
            dependencies: [
                "Millrace", "MillraceRedis", "MillraceTesting", "RedisDriver", log, nioCore, nioPosix,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MillracePostgresTests",
            dependencies: ["Millrace", "MillracePostgres", "MillraceTesting", "PostgresDriver", log],
            swiftSettings: settings),
        .testTarget(
            name: "MillraceWorkerTests",
            dependencies: ["Millrace", "MillraceTesting", "MillraceWorker", log, nioCore, nioPosix],
            swiftSettings: settings),
        .testTarget(
            name: "MillraceAPITests",
            dependencies: [
                "Millrace", "MillraceAPI", "MillraceTesting", httpTypes, log, nioCore, nioPosix, serviceLifecycle,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MillraceCLITests",
            dependencies: ["Millrace", "MillraceAPI", "MillraceCLI", "MillraceTesting", "MillraceWorker", log],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "CVips", "Millrace", "PostgresDriver", "RedisDriver", asyncHTTPClient, crypto, log, nioCore, nioHTTP1,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "StorefrontTests",
            dependencies: [
                "CVips", "Millrace", "MillraceAPI", "MillracePostgres", "MillraceTesting", "PostgresDriver",
                "Storefront", asyncHTTPClient, crypto, httpTypes, hummingbirdCore, log, nioCore, nioHTTP1,
            ],
            exclude: [
                "Email/read_mails.py", "Email/smtp_server.py", "Photos/S3/object_store.py",
                "Photos/S3/signature_oracle.py",
            ],
            swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
