package import Telemetry

package struct ServiceStatistics: Hashable, Sendable {
    package var spanCount = 0
    package var errorCount = 0
}

/// All spans of one id, each once, ordered by start.
package struct Trace: Sendable {
    package let id: TraceID
    package let spans: [TraceSpan]
    package let tree: TraceTree
    /// Index of the earliest span without a parent id; nil while it has not arrived.
    package let root: Int?
    /// Nanoseconds since 1970.
    package let start: Int64
    package let end: Int64

    /// Nil without spans. Spans of other traces must not be among them. A span that was delivered twice (same id and
    /// kind) counts once, the copy that came first; the kind is part of it because a Zipkin client and server share
    /// ids.
    package init?(_ received: [TraceSpan]) {
        guard let first = received.first else { return nil }
        id = first.traceID
        struct Identity: Hashable {
            var id: SpanID
            var kind: TraceSpan.Kind
        }
        let ordered = received.sorted {
            if $0.start != $1.start { return $0.start < $1.start }
            if $0.spanID != $1.spanID { return $0.spanID < $1.spanID }
            if $0.kind != $1.kind { return $0.kind.rawValue < $1.kind.rawValue }
            return $0.sequence < $1.sequence
        }
        // Copies need not have the same start, so the earliest arrival is looked for over all of them.
        var kept: [Identity: Int] = [:]
        for (index, span) in ordered.enumerated() {
            let identity = Identity(id: span.spanID, kind: span.kind)
            if let other = kept[identity], ordered[other].sequence <= span.sequence { continue }
            kept[identity] = index
        }
        spans = kept.values.sorted().map { ordered[$0] }
        tree = TraceTree(spans)
        root = spans.firstIndex { $0.parentID == nil }
        start = spans[0].start
        end = spans.reduce(Int64.min) { max($0, $1.end) }
    }

    /// Nanoseconds, never negative.
    package var duration: Int64 {
        let (difference, overflow) = end.subtractingReportingOverflow(start)
        return overflow ? .max : max(0, difference)
    }

    package var services: [String: ServiceStatistics] {
        var out: [String: ServiceStatistics] = [:]
        for span in spans {
            out[span.serviceName, default: ServiceStatistics()].spanCount += 1
            if span.isError { out[span.serviceName, default: ServiceStatistics()].errorCount += 1 }
        }
        return out
    }

    /// What Tempo says where the root has not arrived.
    package static let rootNotReceived = "<root span not yet received>"

    package var rootName: String { root.map { spans[$0].name } ?? Trace.rootNotReceived }
    package var rootServiceName: String { root.map { spans[$0].serviceName } ?? Trace.rootNotReceived }

    /// The traces among the rows of some batches, ordered by id.
    package static func all(in batches: [EventBatch]) -> [Trace] {
        var byID: [TraceID: [TraceSpan]] = [:]
        for batch in batches {
            let decoder = SpanDecoder(batch)
            for row in 0..<batch.rowCount {
                if let span = decoder.span(row: row) { byID[span.traceID, default: []].append(span) }
            }
        }
        return byID.keys.sorted().compactMap { Trace(byID[$0] ?? []) }
    }
}
