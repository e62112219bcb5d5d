import Storage
import Synchronization
import Testing

@Test func memoryLimitsAreReadWithUnitsAndFromControlGroups() {
    let whole = 8 << 30
    let cases: [(String, Int?)] = [
        ("2GiB", 2 << 30), ("2GB", 2 << 30), ("2g", 2 << 30), ("1.5 GiB", 3 << 29), ("512MB", 512 << 20),
        ("1073741824", 1 << 30), ("50%", 4 << 30), ("100%", 8 << 30), ("65536KiB", 64 << 20), ("1T", 1 << 40),
        ("101%", nil), ("0%", nil), ("1MB", nil), ("", nil), ("GiB", nil), ("-2GiB", nil), ("2 parsecs", nil),
        ("1e9", nil), ("99999999999999999999T", nil), ("1.2.3G", nil), ("inf", nil), ("nan", nil),
    ]
    for (text, expected) in cases { #expect(MemoryLimit.bytes(text, of: whole) == expected, "\(text)") }

    let meminfo = "MemTotal:       16777216 kB\nMemFree:  1 kB\n"
    let machines: [(files: [String: String], expected: Int)] = [
        (["/proc/meminfo": meminfo], 16 << 30),
        ([:], 4 << 30),
        // Version 2: the group and those above it.
        (
            [
                "/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n",
                "/sys/fs/cgroup/a/memory.max": "2147483648\n",
            ], 2 << 30
        ),
        // In a container: the path is the host's, the root is ours.
        (
            [
                "/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/../../x\n",
                "/sys/fs/cgroup/memory.max": "1073741824\n",
            ], 1 << 30
        ),
        // Version 1, whose "no limit" is a huge number.
        (
            [
                "/proc/meminfo": meminfo, "/proc/self/cgroup": "5:cpu:/\n4:memory:/x\n0::/\n",
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "3221225472\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            ], 3 << 30
        ),
        (["/proc/meminfo": "MemTotal: many\n", "/proc/self/cgroup": "nonsense\n::\n"], 4 << 30),
    ]
    for (files, expected) in machines { #expect(MemoryLimit.available { files[$0] } == expected, "\(files)") }
    #expect(MemoryLimit.available() > 64 << 20)
    #expect(ProcessMemory.anonymousBytes > 1 << 20)
    #expect(ProcessMemory.residentBytes >= ProcessMemory.anonymousBytes)
    #expect(MemoryLimit.text(3 << 29) == "1.5 GiB")
    #expect(MemoryLimit.text(700 << 20) == "700 MiB")
}

@Test func pressureFollowsWhatTheKernelCountsAndDoesNotFlutter() {
    let budget = MemoryBudget(limit: 100 << 20)
    // Percent of the limit, and the level after it.
    let course: [(Int, MemoryPressure.Level)] = [
        (10, .calm), (84, .calm), (86, .high), (82, .high), (79, .calm), (84, .calm), (94, .high), (96, .critical),
        (91, .critical), (89, .high), (96, .critical), (50, .calm), (99, .critical), (85, .high), (0, .calm),
    ]
    for (percent, level) in course {
        budget.observe(resident: percent << 20)
        #expect(budget.pressure.level == level, "\(percent) %")
    }
    #expect(throws: Never.self) { try budget.pressure.refuseWhenCritical() }
    budget.observe(resident: 99 << 20)
    #expect(throws: StorageError.self) { try budget.pressure.refuseWhenCritical() }

    // What the allocator only keeps is handed back before it counts, but not at every look.
    let resident = Mutex(90 << 20)
    let trims = Mutex(0)
    var watch = MemoryWatch(
        budget: budget, resident: { resident.withLock { $0 } },
        trim: {
            trims.withLock { $0 += 1 }
            resident.withLock { $0 = 40 << 20 }
        })
    let start = ContinuousClock.now
    watch.look(at: start)
    #expect(budget.pressure.level == .calm)
    resident.withLock { $0 = 90 << 20 }
    watch.look(at: start + .seconds(1))
    #expect(budget.pressure.level == .high)
    watch.look(at: start + .seconds(6))
    #expect(budget.pressure.level == .calm)
    #expect(trims.withLock { $0 } == 2)
}

@Test func reservationsStayInTheirShareAndInWhatIsFree() throws {
    let megabyte = 1 << 20
    let budget = MemoryBudget(limit: 100 << 20)
    try budget.reserve(50 * megabyte, for: .queries)
    #expect(throws: StorageError.self) { try budget.reserve(1, for: .queries) }
    try budget.reserve(20 * megabyte, for: .merges)
    #expect(throws: StorageError.self) { try budget.reserve(10 * megabyte, for: .merges) }
    budget.release(50 * megabyte, of: .queries)
    budget.release(.max, of: .merges)
    budget.set(.head, to: 30 * megabyte)
    #expect(budget.usage.accounts.map(\.bytes) == [30 * megabyte, 0, 0, 0, 0, 0])
    #expect(budget.usage.refused == 2)

    // Those that begin between two looks do not all get the same free memory.
    budget.observe(resident: 70 * megabyte)
    try budget.reserve(20 * megabyte, for: .queries)
    #expect(throws: StorageError.self) { try budget.reserve(10 * megabyte, for: .queries) }
    budget.observe(resident: 90 * megabyte)
    #expect(throws: StorageError.self) { try budget.reserve(6 * megabyte, for: .queries) }
    #expect(throws: StorageError.self) { try budget.reserve(1, for: .merges) }
    budget.observe(resident: 97 * megabyte)
    #expect(throws: StorageError.self) { try budget.reserve(1, for: .queries) }
    #expect(throws: StorageError.self) { try budget.reserve(.max, for: .queries) }
    budget.observe(resident: 10 * megabyte)
    for hostile in [0, -1, Int.min] {
        try budget.reserve(hostile, for: .journal)
        budget.release(hostile, of: .journal)
    }
    #expect(budget.usage.accounts.map(\.bytes) == [30 * megabyte, 0, 0, 20 * megabyte, 0, 0])
}

@Test func queriesTakeFromTheProcessAndGiveBackWhenTheyGo() throws {
    let megabyte = 1 << 20
    let budget = MemoryBudget(limit: 100 << 20)
    func held() -> Int { budget.usage.accounts[MemoryBudget.Account.queries.rawValue].bytes }
    do {
        let first = QueryContext(limits: .init(memory: 40 * megabyte), budget: budget)
        for _ in 0..<3000 { try first.charge(memory: 10_000) }
        #expect(abs(held() - 30_000_000) <= megabyte)
        let second = QueryContext(limits: .init(memory: 40 * megabyte), budget: budget)
        // Its own limit would allow it, the process has no more.
        let error = #expect(throws: StorageError.self) { try second.charge(memory: 30 * megabyte) }
        #expect(error?.description.contains("queries hold 28 MiB and may hold 50 MiB") == true, "\(error as Any)")
        #expect(throws: StorageError.memoryBudgetExceeded(limit: 40 * megabyte)) {
            try first.charge(memory: 20 * megabyte)
        }
        first.release(memory: 45 * megabyte)
        #expect(held() <= 5 * megabyte)
        try QueryContext(limits: .init(memory: 40 * megabyte), budget: budget).charge(memory: 39 * megabyte)
    }
    #expect(held() == 0)
}

@Test func `pages of code are let go, and pages that may have been written are not`() {
    let maps = """
        00400000-03d7c000 r-xp 00000000 fe:01 3409                       /usr/bin/needle tail
        03d7c000-0657f000 rw-p 0397b000 fe:01 3409                       /usr/bin/needletail
        7f00a000-7f00b000 r--p 00000000 fe:01 77 /lib/libc.so.6
        7f00b000-7f10b000 r-xp 00001000 fe:01 77 /lib/libc.so.6
        7ffd1000-7ffd2000 r-xp 00000000 00:00 0 [vdso]
        7ffd3000-7ffd4000 r-xp 00000000 00:00 0
        zz-7ffd4000 r-xp 00000000 00:00 0 /x
        """
    #expect(ProgramPages.ranges(ofMaps: maps) == [0x400000..<0x3d7_c000, 0x7f00_b000..<0x7f10_b000])
    ProgramPages.letGo()
}
