import Codecs
import Telemetry

/// Builds the labels of OTLP series from the request's bytes, for those series that the store does not know by the
/// hash of these bytes.
struct OTLPSeriesSource: SeriesLabelSource {
    /// Resource and scope of some metrics.
    struct Owner: Sendable {
        var job = ""
        var instance = ""
        var resource: [Attribute] = []
        /// Labels of every series below: promoted resource attributes, then what the scope says.
        var promoted: [Label] = []
        var scope: [Label] = []
        /// Of the bytes of resource and scope.
        var hash = Hash128.hash([], 0..<0)
    }

    enum Suffix: UInt8, Sendable {
        case none, sum, count, bucket, quantile, info

        var text: StaticString {
            switch self {
            case .none, .quantile, .info: ""
            case .sum: "_sum"
            case .count: "_count"
            case .bucket: "_bucket"
            }
        }
    }

    /// One series: a point, and which of its series.
    struct Entry: Sendable {
        var metric: UInt32
        var owner: UInt32
        var suffix: Suffix
        var attributeField: UInt8
        /// Of `le` or `quantile`.
        var bound: Double
        var point: ProtobufCursor
    }

    let bytes: [UInt8]
    let translation: OTLPTranslation
    var owners: [Owner] = []
    /// Names, translated.
    var metrics: [[UInt8]] = []
    var entries: [Entry] = []

    func labels(ofSeries index: Int) throws(InvalidSeries) -> LabelSet {
        guard index < entries.count else { throw InvalidSeries("the request has no series \(index)") }
        var builder = LabelBuilder()
        do throws(WireError) {
            try build(entries[index], &builder)
        } catch {
            throw InvalidSeries(error.description)
        }
        return builder.labelSet
    }

    /// Leaves the canonical labels in the builder. Attributes win over promoted ones, job and instance over all.
    func build(_ entry: Entry, _ builder: inout LabelBuilder) throws(WireError) {
        let owner = owners[Int(entry.owner)]
        builder.removeAll()
        if entry.suffix == .info {
            appendJoined(infoAttributes(owner), to: &builder)
        } else {
            for label in owner.promoted { builder.append(label.name, label.value) }
            try appendAttributes(entry, owner, &builder)
            for label in owner.scope { builder.append(label.name, label.value) }
        }
        if !owner.job.isEmpty { builder.append("job", owner.job) }
        if !owner.instance.isEmpty { builder.append("instance", owner.instance) }
        let name = entry.suffix == .info ? Array("target_info".utf8) : metrics[Int(entry.metric)]
        builder.append(name: "__name__".utf8, value: name + Array("\(entry.suffix.text)".utf8))
        if entry.suffix == .bucket { builder.append("le", FloatText.string(entry.bound, .label)) }
        if entry.suffix == .quantile { builder.append("quantile", FloatText.string(entry.bound, .label)) }
        _ = builder.finish()
    }

    private static let identifying: Set<String> = ["service.name", "service.namespace", "service.instance.id"]

    func infoAttributes(_ owner: Owner) -> [Attribute] {
        translation.keepsIdentifyingResourceAttributes
            ? owner.resource : owner.resource.filter { !OTLPSeriesSource.identifying.contains($0.key) }
    }

    func hasInfo(_ owner: Owner) -> Bool {
        (!owner.job.isEmpty || !owner.instance.isEmpty)
            && owner.resource.contains { !OTLPSeriesSource.identifying.contains($0.key) }
    }

    private func appendAttributes(
        _ entry: Entry, _ owner: Owner, _ builder: inout LabelBuilder
    ) throws(WireError) {
        var attributes: [Attribute] = []
        var cursor = entry.point
        while try cursor.next(bytes) {
            guard cursor.field == Int(entry.attributeField) else {
                try cursor.skip(bytes)
                continue
            }
            if let inner = try cursor.message(bytes) { attributes.append(try OTLPValue.attribute(bytes, inner)) }
        }
        appendJoined(attributes, to: &builder)
    }

    /// Where two attributes become one label, their values are joined with `;`, in order of key.
    private func appendJoined(_ attributes: [Attribute], to builder: inout LabelBuilder) {
        var values: [String: String] = [:]
        for attribute in attributes.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            let name = translation.labelName(attribute.key)
            guard !name.isEmpty, name != "__name__" else { continue }
            let text = attribute.value.text
            values[name] = values[name].map { "\($0);\(text)" } ?? text
        }
        for (name, value) in values { builder.append(name, value) }
    }
}

extension OTLPTranslation {
    /// Resource attributes that become labels, in order of key; of several with one name the first stays.
    func promoted(_ resource: [Attribute]) -> [Label] {
        guard promotesAllResourceAttributes || !promotedResourceAttributes.isEmpty else { return [] }
        var labels: [Label] = []
        for attribute in resource.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            let isWanted =
                promotesAllResourceAttributes
                ? !ignoredResourceAttributes.contains(attribute.key)
                : promotedResourceAttributes.contains(attribute.key)
            let name = labelName(attribute.key)
            guard isWanted, !name.isEmpty, name != "__name__", !labels.contains(where: { $0.name == name }) else {
                continue
            }
            labels.append(Label(name, attribute.value.text))
        }
        return labels
    }

    /// A scope without a name says nothing.
    func scopeLabels(_ scope: OTLPOwner, schemaURL: String) -> [Label] {
        guard promotesScopeMetadata, !scope.name.isEmpty else { return [] }
        var labels = [
            Label("otel_scope_name", scope.name), Label("otel_scope_version", scope.version),
            Label("otel_scope_schema_url", schemaURL),
        ]
        for attribute in scope.fields {
            labels.append(Label(labelName("otel_scope_" + attribute.key), attribute.value.text))
        }
        return labels
    }
}
