// SPDX-License-Identifier: Apache-2.0

/// Looks into Redis, in one step of its own: an id is in one place at most, whatever was done to the server.
struct RedisAudit: Sendable {
    let stores: Stores
    let queues: [String]

    /// Too many entries to be read in one step are left for another time.
    private static let entriesMax = 200_000

    private static let script = """
        local places, doubled = {}, {}
        local function see(id)
          if places[id] then doubled[#doubled + 1] = id else places[id] = true end
        end
        for _, queue in ipairs(ARGV) do
          local prefix = 'mr:{' .. queue .. '}:'
          if redis.call('HLEN', prefix .. 'jobs') > \(entriesMax) then return {} end
          for _, lane in ipairs({'critical', 'high', 'normal', 'low', 'quarantine'}) do
            for _, id in ipairs(redis.call('LRANGE', prefix .. 'ready:' .. lane, 0, -1)) do see(id) end
          end
          for _, set in ipairs({'scheduled', 'leases'}) do
            for _, member in ipairs(redis.call('ZRANGE', prefix .. set, 0, -1)) do see(member:sub(1, 16)) end
          end
        end
        local answer = {}
        for i, id in ipairs(doubled) do
          answer[i] = id:gsub('.', function(byte) return string.format('%02x', byte:byte()) end)
        end
        return answer
        """

    /// Ids that are in two places; nil when Redis does not answer.
    func doubled() async -> [String]? {
        let arguments = ["redis-cli", "-p", "\(stores.redisPort)", "--raw", "EVAL", Self.script, "0"] + queues
        guard let text = try? await shell(arguments, within: 5) else { return nil }
        let lines = text.split(separator: "\n").map(String.init)
        // An error of a server that is loading or away is no finding.
        return lines.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) } ? lines : nil
    }

    /// Keys that still hold something of a job; nil when Redis does not answer.
    func keysOfJobs() async -> [String]? {
        guard let text = try? await stores.redis("KEYS", "mr:*") else { return nil }
        return text.split(separator: "\n").map(String.init).filter {
            !$0.hasSuffix(":meta") && !$0.hasSuffix(":bell") && $0 != "mr:queues" && $0 != "mr:workers"
        }
    }
}
