/// One line on its way through a pipeline. It is refilled for each row, so its buffers are allocated once.
///
/// Names are numbers of a ``ByteTable``; values are ranges of one buffer.
struct Record {
    enum Category: UInt8 { case stream, metadata, parsed }

    struct Field {
        var name: Int
        var category: Category
        var start: Int
        var end: Int
    }

    var names: ByteTable
    var timestamp: Int64 = 0
    var line: ArraySlice<UInt8> = []
    private(set) var fields: [Field] = []
    private(set) var arena: [UInt8] = []
    /// `__error__`; empty where nothing went wrong.
    private(set) var error = ""
    private(set) var errorDetails = ""
    /// Whether the query asks for errors (a filter on `__error__` in a metric query): then a sample with one counts,
    /// and says so with `__preserve_error__`.
    var preservesErrors = false
    /// Fields from here on are those of the parser that runs: of a key that comes twice, the first stays.
    private var firstOfParser = 0
    /// Whether the labels of the stream are as they came.
    private(set) var streamIsUntouched = true

    let errorName: Int
    let detailsName: Int
    let preserveName: Int
    private let extractedSuffix = Array("_extracted".utf8)
    private var scratch: [UInt8] = []

    init() {
        names = ByteTable()
        errorName = names.id("__error__")
        detailsName = names.id("__error_details__")
        preserveName = names.id("__preserve_error__")
    }

    mutating func begin(timestamp: Int64, line: ArraySlice<UInt8>) {
        self.timestamp = timestamp
        self.line = line
        fields.removeAll(keepingCapacity: true)
        arena.removeAll(keepingCapacity: true)
        error = ""
        errorDetails = ""
        streamIsUntouched = true
        firstOfParser = 0
    }

    /// Adds many fields at once; their ranges are into `bytes`.
    mutating func load(_ more: [Field], bytes: [UInt8]) {
        if arena.isEmpty {
            arena.append(contentsOf: bytes)
            fields.append(contentsOf: more)
            return
        }
        let base = arena.count
        arena.append(contentsOf: bytes)
        for field in more {
            fields.append(
                Field(name: field.name, category: field.category, start: field.start + base, end: field.end + base))
        }
    }

    func value(of field: Field) -> ArraySlice<UInt8> { arena[field.start..<field.end] }

    func index(of name: Int) -> Int? {
        for i in fields.indices where fields[i].name == name { return i }
        return nil
    }

    func value(_ name: Int) -> ArraySlice<UInt8>? {
        if let i = index(of: name) { return value(of: fields[i]) }
        if name == errorName, !error.isEmpty { return Array(error.utf8)[...] }
        if name == detailsName, !errorDetails.isEmpty { return Array(errorDetails.utf8)[...] }
        return nil
    }

    mutating func fail(_ error: String, _ details: String) {
        self.error = error
        errorDetails = details
    }

    /// A parser's failure: this kind alone is kept for a metric query that asks for errors.
    mutating func failParsing(_ error: String, _ details: String) {
        fail(error, details)
        if preservesErrors {
            assign(preserveName, "true".utf8)
        } else if let i = index(of: preserveName) {
            // Only the query may ask for it, no line and no metadata.
            remove(at: i)
        }
    }

    mutating func clearError() { error = "" }

    mutating func clearErrorDetails() { errorDetails = "" }

    /// Structured metadata: the stream's label of the same name has priority.
    mutating func addMetadata(_ name: Int, _ value: some Collection<UInt8>) {
        var target = name
        if let i = index(of: name) {
            if fields[i].category == .metadata { return set(i, value) }
            target = extracted(name)
            if let j = index(of: target) { return set(j, value) }
        }
        append(target, .metadata, value)
    }

    /// A field found in the line: a stream label or structured metadata of the same name has priority.
    mutating func addParsed(_ name: Int, _ value: some Collection<UInt8>) {
        var target = name
        if let i = index(of: name) {
            if fields[i].category == .parsed { return replace(i, value) }
            target = extracted(name)
            if let j = index(of: target) { return replace(j, value) }
        }
        append(target, .parsed, value)
    }

    mutating func beginParser() { firstOfParser = fields.count }

    /// What an earlier parser or the stream's store called so gives way to what is found now.
    private mutating func replace(_ index: Int, _ value: some Collection<UInt8>) {
        guard index < firstOfParser else { return }
        if fields[index].category == .stream { streamIsUntouched = false }
        let name = fields.remove(at: index).name
        firstOfParser -= 1
        append(name, .parsed, value)
    }

    /// A label that the query itself makes: it replaces whatever has the name.
    mutating func assign(_ name: Int, _ value: some Collection<UInt8>) {
        if name == detailsName {
            errorDetails = String(decoding: value, as: UTF8.self)
            return
        }
        guard let i = index(of: name) else { return append(name, .parsed, value) }
        if fields[i].category == .stream { streamIsUntouched = false }
        fields[i].category = .parsed
        set(i, value)
    }

    /// The label keeps what it is: a stream label renamed is still one.
    mutating func rename(_ source: Int, to name: Int) {
        guard source != name, let from = index(of: source) else { return }
        if fields[from].category == .stream { streamIsUntouched = false }
        fields[from].name = name
        if let old = fields.indices.first(where: { $0 != from && fields[$0].name == name }) { remove(at: old) }
    }

    mutating func remove(at index: Int) {
        if fields[index].category == .stream { streamIsUntouched = false }
        fields.remove(at: index)
    }

    private mutating func set(_ index: Int, _ value: some Collection<UInt8>) {
        fields[index].start = arena.count
        arena.append(contentsOf: value)
        fields[index].end = arena.count
    }

    private mutating func append(_ name: Int, _ category: Category, _ value: some Collection<UInt8>) {
        let start = arena.count
        arena.append(contentsOf: value)
        fields.append(Field(name: name, category: category, start: start, end: arena.count))
    }

    private mutating func extracted(_ name: Int) -> Int {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: names.value(name))
        scratch.append(contentsOf: extractedSuffix)
        return names.id(scratch[...])
    }
}
