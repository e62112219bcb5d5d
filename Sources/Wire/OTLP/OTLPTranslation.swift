import Telemetry

/// How OTLP metrics become Prometheus': the section `otlp` of Prometheus' configuration.
package struct OTLPTranslation: Sendable, Hashable {
    package enum Strategy: String, Sendable, CaseIterable {
        case underscoreEscapingWithSuffixes = "UnderscoreEscapingWithSuffixes"
        case underscoreEscapingWithoutSuffixes = "UnderscoreEscapingWithoutSuffixes"
        case noUTF8EscapingWithSuffixes = "NoUTF8EscapingWithSuffixes"
        case noTranslation = "NoTranslation"

        var escapes: Bool { self == .underscoreEscapingWithSuffixes || self == .underscoreEscapingWithoutSuffixes }
        var addsSuffixes: Bool { self == .underscoreEscapingWithSuffixes || self == .noUTF8EscapingWithSuffixes }
    }

    package var strategy = Strategy.underscoreEscapingWithSuffixes
    /// Resource attributes that become labels of every series.
    package var promotedResourceAttributes: [String] = []
    /// All of them but ``ignoredResourceAttributes``.
    package var promotesAllResourceAttributes = false
    package var ignoredResourceAttributes: [String] = []
    /// Whether `target_info` has `service.name` and its kin too.
    package var keepsIdentifyingResourceAttributes = false
    /// Name, version, schema URL and attributes of the scope as labels `otel_scope_…`.
    package var promotesScopeMetadata = false
    /// Explicit histograms become native ones with custom buckets.
    package var convertsHistogramsToNHCB = false
    /// A label that would begin with one underscore gets `key` before it.
    package var sanitisesLeadingUnderscores = true
    package var keepsMultipleUnderscores = true
    /// Of the query engine, milliseconds; `target_info` is repeated often enough to be found by it.
    package var lookback: Int64 = 300_000

    /// How far behind and before now the time of a point may be, milliseconds: what the store takes.
    package var longestAge: Int64 = 1 << 60
    package var longestLead: Int64 = 1 << 60

    package init() {}

    package func labelName(_ name: String) -> String {
        guard strategy.escapes else { return name }
        return LabelNames.translated(
            name, prefixesUnderscore: sanitisesLeadingUnderscores, keepsRuns: keepsMultipleUnderscores)
    }
}
