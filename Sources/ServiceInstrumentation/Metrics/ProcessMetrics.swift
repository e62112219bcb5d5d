#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension MetricsRegistry {
    /// Adds the `process_*` metrics that Prometheus client libraries agree on. What the system does not tell
    /// (memory and descriptors outside Linux) is left out.
    public func registerProcessMetrics() {
        let cpu = counter("process_cpu_seconds_total", help: "User and system CPU time spent, in seconds.")
        let start = gauge("process_start_time_seconds", help: "Start time of the process since 1970, in seconds.")
        start.set(Double(WallClock.nanoseconds()) / 1e9)
        #if os(Linux)
            let resident = gauge("process_resident_memory_bytes", help: "Resident memory size in bytes.")
            let virtual = gauge("process_virtual_memory_bytes", help: "Virtual memory size in bytes.")
            let descriptors = gauge("process_open_fds", help: "Number of open file descriptors.")
        #endif
        onCollect {
            var usage = rusage()
            if getrusage(RUSAGE_SELF_VALUE, &usage) == 0 {
                cpu.set(seconds(usage.ru_utime) + seconds(usage.ru_stime))
            }
            #if os(Linux)
                // statm: total and resident size in pages.
                let pages = readSmallFile("/proc/self/statm").split(separator: " ").prefix(2).compactMap { Double($0) }
                if pages.count == 2 {
                    let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
                    virtual.set(pages[0] * pageSize)
                    resident.set(pages[1] * pageSize)
                }
                if let count = countEntries("/proc/self/fd") { descriptors.set(Double(count)) }
            #endif
        }
    }
}

#if canImport(Glibc)
    private let RUSAGE_SELF_VALUE = __rusage_who_t(RUSAGE_SELF.rawValue)
#else
    private let RUSAGE_SELF_VALUE = RUSAGE_SELF
#endif

private func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

#if os(Linux)
    private func readSmallFile(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    private func countEntries(_ path: String) -> Int? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // `.`, `..` and the descriptor of this very listing.
        return max(0, count - 3)
    }
#endif
