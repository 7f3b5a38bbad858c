// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Millrace
import MillraceAPI
import Yams

/// Reads and checks `workers.yml`.
enum WorkersFileReader {
    static let keys = ["diagnostics", "api", "blobs", "maildir", "retention", "retention_size", "pools"]
    static let apiKeys = [
        "host", "port", "host_names", "tls_certificate", "tls_key", "plaintext", "trusted_proxies",
        "database_connections",
    ]
    static let poolKeys = ["queues", "concurrency", "count", "drain_timeout", "database_connections", "memory"]
    private static let bytesMax = 1 << 20

    /// - Throws: `.usage` with all faults of the file, one a line.
    static func load(_ file: String) throws(CommandError) -> WorkersFile {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(filePath: file))
        } catch {
            throw CommandError(.usage, "\(file): cannot be read: \(reason(of: error))")
        }
        guard bytes.count <= bytesMax else {
            throw CommandError(.usage, "\(file): \(bytes.count) bytes, at most \(bytesMax)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError(.usage, "\(file): is not UTF-8")
        }
        var settings = try parse(text, named: file)
        let folder = folder(of: file)
        func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder + path }
        // An address such as s3://BUCKET is no path.
        if !settings.blobs.contains("://") { settings.blobs = absolute(settings.blobs) }
        settings.maildir = absolute(settings.maildir)
        settings.api.tls = settings.api.tls.map {
            APIServer.TLSFiles(certificatePath: absolute($0.certificatePath), keyPath: absolute($0.keyPath))
        }
        return settings
    }

    /// With its slash at the end; empty for the working folder.
    private static func folder(of file: String) -> String {
        file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    static func parse(_ text: String, named file: String) throws(CommandError) -> WorkersFile {
        var reader = YAMLReader()
        var settings = WorkersFile()
        if let root = reader.root(of: text) { settings = read(root, &reader) }
        guard reader.faults.isEmpty else {
            throw CommandError(.usage, reader.faults.sorted().map { "\(file):\($0)" }.joined(separator: "\n"))
        }
        return settings
    }

    private static func reason(of error: any Error) -> String {
        guard let error = error as? CocoaError else { return "\(error)" }
        switch error.code {
        case .fileReadNoSuchFile, .fileNoSuchFile: return "there is no such file"
        case .fileReadNoPermission: return "permission denied"
        default: return "\(error.code)"
        }
    }

    private static func read(_ root: Node, _ reader: inout YAMLReader) -> WorkersFile {
        var file = WorkersFile()
        let members = reader.members(of: root, "", known: keys)
        if let node = members["diagnostics"] { file.diagnostics = reader.bool(node, "diagnostics: ") ?? false }
        if let node = members["api"] { file.api = readAPI(node, &reader) }
        if let node = members["blobs"], let path = reader.path(node, "blobs: ") { file.blobs = path }
        if let node = members["maildir"], let path = reader.path(node, "maildir: ") { file.maildir = path }
        if let node = members["retention"],
            let retention = reader.duration(node, "retention: ", in: WorkersFile.retentionRange)
        {
            file.retention = retention
        }
        if let node = members["retention_size"],
            let size = reader.byteCount(node, "retention_size: ", in: WorkersFile.retentionSizeRange)
        {
            file.retentionSize = size
        }
        if let node = members["pools"] { file.pools = readPools(node, &reader) }
        return file
    }

    private static func readAPI(_ node: Node, _ reader: inout YAMLReader) -> WorkersFile.APISettings {
        var api = WorkersFile.APISettings()
        let members = reader.members(of: node, "api: ", known: apiKeys)
        if let node = members["host"], let host = reader.word(node, "api.host: ", "an address or a host name") {
            api.host = host
        }
        if let node = members["port"], let port = reader.integer(node, "api.port: ", in: 1...65_535) { api.port = port }
        if let node = members["host_names"] {
            let names = reader.list(node, "api.host_names: ", of: "host names", countMax: 32) ?? []
            api.hostNames = names.compactMap { reader.word($0, "api.host_names: ", "a host name") }
        }
        api.tls = readTLS(node, members, &reader)
        if let node = members["plaintext"] { api.plaintext = reader.bool(node, "api.plaintext: ") ?? false }
        if let node = members["trusted_proxies"] {
            let proxies = reader.list(node, "api.trusted_proxies: ", of: "addresses or networks", countMax: 32) ?? []
            api.trustedProxies = proxies.compactMap { reader.network($0, "api.trusted_proxies: ") }
        }
        if let node = members["database_connections"],
            let connections = reader.integer(node, "api.database_connections: ", in: StoreOptions.connectionsRange)
        {
            api.databaseConnections = connections
        }
        return api
    }

    private static func readTLS(
        _ api: Node, _ members: [String: Node], _ reader: inout YAMLReader
    ) -> APIServer.TLSFiles? {
        let certificate = members["tls_certificate"].map { reader.path($0, "api.tls_certificate: ", "a file's path") }
        let key = members["tls_key"].map { reader.path($0, "api.tls_key: ", "a file's path") }
        if (certificate == nil) != (key == nil) {
            reader.fail(api, "api: tls_certificate and tls_key are of no use without each other")
        }
        guard let certificate = certificate ?? nil, let key = key ?? nil else { return nil }
        return APIServer.TLSFiles(certificatePath: certificate, keyPath: key)
    }

    private static func readPools(_ node: Node, _ reader: inout YAMLReader) -> [WorkersFile.PoolSettings] {
        let entries = reader.entries(of: node, "pools: ")
        if entries.count > 64 { reader.fail(node, "pools: \(entries.count) of them, at most 64") }
        let pools = entries.compactMap { key, value -> WorkersFile.PoolSettings? in
            guard let name = reader.name(key.node, "pools: ") else { return nil }
            return readPool(value, name: name, &reader)
        }
        let processes = pools.reduce(0) { $0 + $1.count }
        if processes > WorkersFile.processesMax {
            reader.fail(node, "pools: \(processes) processes in all, at most \(WorkersFile.processesMax)")
        }
        return pools
    }

    private static func readPool(
        _ node: Node, name: String, _ reader: inout YAMLReader
    ) -> WorkersFile.PoolSettings {
        var pool = WorkersFile.PoolSettings(name: name)
        let path = "pools.\(name)"
        let members = reader.members(of: node, "\(path): ", known: poolKeys)
        if let node = members["queues"] { pool.queues = readQueues(node, "\(path).queues: ", &reader) }
        if let node = members["concurrency"], let number = reader.integer(node, "\(path).concurrency: ", in: 1...1000) {
            pool.concurrency = number
        }
        if let node = members["count"],
            let number = reader.integer(node, "\(path).count: ", in: 0...WorkersFile.poolCountMax)
        {
            pool.count = number
        }
        if let node = members["drain_timeout"],
            let timeout = reader.duration(node, "\(path).drain_timeout: ", in: .zero ... .seconds(3600))
        {
            pool.drainTimeout = timeout
        }
        if let node = members["database_connections"],
            let number = reader.integer(node, "\(path).database_connections: ", in: StoreOptions.connectionsRange)
        {
            pool.databaseConnections = number
        }
        if let node = members["memory"],
            let memory = reader.byteCount(node, "\(path).memory: ", in: WorkersFile.memoryRange)
        {
            pool.memory = memory
            if !MemoryGauge.isSupported { reader.fail(node, "\(path).memory: is kept on Linux only") }
        }
        return pool
    }

    private static func readQueues(_ node: Node, _ path: String, _ reader: inout YAMLReader) -> [QueueName] {
        var queues: [QueueName] = []
        for node in reader.list(node, path, of: "queue names", countMax: 32) ?? [] {
            guard let name = reader.name(node, path), let queue = QueueName(name) else { continue }
            if queues.contains(queue) {
                reader.fail(node, "\(path)\(queue) is there twice")
            } else {
                queues.append(queue)
            }
        }
        return queues
    }
}
