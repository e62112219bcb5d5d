/// Writes one line in the manner of its service.
struct LineWriter {
    var text = LineText()

    /// Answers the level.
    mutating func write(
        _ stream: ShopLogs.Stream, time: Int64, needle: ShopLogs.Needle?, _ random: inout SeededRandom
    ) -> String {
        let level = LineWriter.level(random.below(1000))
        switch stream.kind {
        case .access: access(time, needle, &random)
        case .json: json(stream, time, level, needle, &random)
        case .logfmt: logfmt(time, level, needle, &random)
        case .jvm: jvm(time, level, needle, &random)
        case .key: key(time, level, needle, &random)
        }
        return level
    }

    private static func level(_ number: Int) -> String {
        switch number {
        case ..<780: "info"
        case ..<900: "debug"
        case ..<975: "warn"
        default: "error"
        }
    }

    /// A trace id; a needle that is a piece of an id lies in its middle.
    private mutating func addTrace(_ needle: ShopLogs.Needle?, _ random: inout SeededRandom) {
        let (high, low) = (random.next(), random.next())
        guard let needle, needle.place == .identifier else {
            text.add(hexadecimal: high)
            text.add(hexadecimal: low)
            return
        }
        text.add(hexadecimal: high, width: 8)
        text.add(needle.text)
        text.add(hexadecimal: low, width: 8)
    }

    private mutating func addWord(_ needle: ShopLogs.Needle?) {
        guard let needle, needle.place == .word else { return }
        text.add(" gift")
        text.add(needle.text)
        text.add("note")
    }

    private mutating func addAddress(_ random: inout SeededRandom) {
        text.add("10.")
        text.add(random.below(4))
        text.add(".")
        text.add(random.below(256))
        text.add(".")
        text.add(random.below(256))
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private mutating func access(_ time: Int64, _ needle: ShopLogs.Needle?, _ random: inout SeededRandom) {
        addAddress(&random)
        text.add(" - ")
        if random.chance(30) {
            text.add("user")
            text.add(random.skewed(below: 50_000))
        } else {
            text.add("-")
        }
        let (year, month, day) = LineText.date(time / 86_400_000_000_000)
        text.add(" [")
        text.add(padded: day, width: 2)
        text.add("/")
        text.add(LineWriter.months[month - 1])
        text.add("/")
        text.add(year)
        text.add(":")
        text.addClock(Int(time / 1_000_000_000 % 86400))
        text.add(" +0000] \"")
        text.add(["GET ", "GET ", "GET ", "POST ", "PUT ", "DELETE "][random.below(6)])
        text.add(ShopServices.paths[random.skewed(below: ShopServices.paths.count)])
        if random.chance(40) {
            text.add("/")
            text.add(random.skewed(below: 200_000))
        }
        text.add(" HTTP/1.1\" ")
        text.add([200, 200, 200, 200, 201, 204, 301, 304, 400, 404, 500, 503][random.skewed(below: 12)])
        text.add(" ")
        text.add(random.skewed(below: 90_000))
        text.add(" \"https://shop.example/")
        text.add(["", "cart", "checkout", "search?q=lamp", "p/"][random.below(5)])
        text.add("\" \"")
        text.add(ShopServices.agents[random.skewed(below: ShopServices.agents.count)])
        addWord(needle)
        text.add("\" rt=0.")
        text.add(padded: random.skewed(below: 1000), width: 3)
        text.add(" trace=")
        addTrace(needle, &random)
    }

    private mutating func json(
        _ stream: ShopLogs.Stream, _ time: Int64, _ level: String, _ needle: ShopLogs.Needle?,
        _ random: inout SeededRandom
    ) {
        text.add("{\"ts\":\"")
        text.add(time: time, digits: 6)
        text.add("\",\"level\":\"")
        text.add(level)
        text.add("\",\"service\":\"")
        text.add(stream.name)
        text.add("\",\"msg\":\"")
        text.add(level == "error" ? pick(ShopServices.failures, &random) : pick(ShopServices.messages, &random))
        addWord(needle)
        text.add("\",\"trace_id\":\"")
        addTrace(needle, &random)
        text.add("\",\"span_id\":\"")
        text.add(hexadecimal: random.next())
        text.add("\",\"user_id\":")
        text.add(random.skewed(below: 50_000))
        text.add(",\"method\":\"")
        text.add(["GET", "POST", "PUT"][random.below(3)])
        text.add("\",\"path\":\"")
        text.add(pick(ShopServices.paths, &random))
        text.add("\",\"status\":")
        text.add([200, 200, 200, 201, 204, 400, 404, 500][random.skewed(below: 8)])
        text.add(",\"duration_ms\":")
        text.add(random.skewed(below: 3000))
        text.add(".")
        text.add(random.below(1000))
        if random.chance(25) {
            text.add(",\"cart\":{\"items\":")
            text.add(random.skewed(below: 20))
            text.add(",\"total\":")
            text.add(random.skewed(below: 900))
            text.add(".")
            text.add(padded: random.below(100), width: 2)
            text.add(",\"currency\":\"EUR\"}")
        }
        text.add("}")
    }

    private mutating func logfmt(
        _ time: Int64, _ level: String, _ needle: ShopLogs.Needle?, _ random: inout SeededRandom
    ) {
        text.add("ts=")
        text.add(time: time, digits: 9)
        text.add(" level=")
        text.add(level)
        text.add(" caller=handler.go:")
        text.add([42, 57, 88, 131, 214, 305][random.below(6)])
        text.add(" msg=\"")
        text.add(level == "error" ? pick(ShopServices.failures, &random) : pick(ShopServices.messages, &random))
        addWord(needle)
        text.add("\" traceID=")
        addTrace(needle, &random)
        text.add(" customer=")
        text.add(random.skewed(below: 50_000))
        text.add(" sku=SKU-")
        text.add(padded: random.skewed(below: 20_000), width: 6)
        text.add(" qty=")
        text.add(random.skewed(below: 12) + 1)
        text.add(" took=")
        text.add(random.skewed(below: 900))
        text.add(".")
        text.add(random.below(1000))
        text.add("ms peer=")
        addAddress(&random)
        text.add(":")
        text.add(30_000 + random.below(30_000))
    }

    private mutating func jvm(
        _ time: Int64, _ level: String, _ needle: ShopLogs.Needle?, _ random: inout SeededRandom
    ) {
        text.add(time: time, digits: 3)
        text.add(["debug": " DEBUG ", "info": "  INFO ", "warn": "  WARN ", "error": " ERROR "][level] ?? " ")
        text.add(1)
        text.add(" --- [nio-8080-exec-")
        text.add(random.below(40) + 1)
        text.add("] ")
        text.add(pick(ShopServices.classes, &random))
        text.add(" : order ")
        text.add(uuid: random.next(), random.next())
        text.add(" for customer ")
        text.add(random.skewed(below: 50_000))
        text.add(": ")
        text.add(level == "error" ? pick(ShopServices.failures, &random) : pick(ShopServices.messages, &random))
        addWord(needle)
        text.add(" [trace=")
        addTrace(needle, &random)
        text.add("]")
        guard level == "error" else { return }
        text.add("\njava.lang.IllegalStateException: ")
        text.add(pick(ShopServices.failures, &random))
        for _ in 0..<(8 + random.below(16)) {
            let frame = random.below(ShopServices.frames.count)
            text.add("\n\tat ")
            text.add(ShopServices.frames[frame])
            text.add(frame * 37 + 11 + random.below(3))
            text.add(")")
        }
    }

    private mutating func key(
        _ time: Int64, _ level: String, _ needle: ShopLogs.Needle?, _ random: inout SeededRandom
    ) {
        text.add(["debug": "D", "info": "I", "warn": "W", "error": "E"][level] ?? "I")
        let (_, month, day) = LineText.date(time / 86_400_000_000_000)
        text.add(padded: month, width: 2)
        text.add(padded: day, width: 2)
        text.add(" ")
        text.addClock(Int(time / 1_000_000_000 % 86400))
        text.add(".")
        text.add(padded: Int(time / 1000 % 1_000_000), width: 6)
        text.add(" 1 worker.go:")
        text.add([77, 120, 188, 203][random.below(4)])
        text.add("] job=")
        text.add(random.skewed(below: 900_000))
        text.add(" queue=")
        text.add(["mail", "invoice", "digest", "cleanup"][random.below(4)])
        text.add(" ")
        text.add(level == "error" ? pick(ShopServices.failures, &random) : pick(ShopServices.messages, &random))
        addWord(needle)
        text.add(" id=")
        addTrace(needle, &random)
        text.add(" attempt=")
        text.add(random.skewed(below: 5) + 1)
    }

    private func pick(_ list: [String], _ random: inout SeededRandom) -> String {
        list[random.skewed(below: list.count)]
    }
}
