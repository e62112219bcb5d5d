import Alerting
import Foundation
import LogQL
import PromQL
import Scraping
import Storage
import Telemetry
import YAMLReading

/// Rules ask in PromQL.
struct RuleLanguage: RuleQuerying {
    let engine: PromQLEngine
    let options: ServeOptions
    let budget: MemoryBudget
    let queries: QueryList

    init(reader: any SeriesReader, options: ServeOptions, budget: MemoryBudget, queries: QueryList) {
        engine = PromQLEngine(reader: reader, options: .init(features: options.queryFeatures))
        self.options = options
        self.budget = budget
        self.queries = queries
    }

    func check(_ expression: String) throws { _ = try PromQLEngine.parse(expression) }

    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample] {
        let context = QueryContext(
            limits: .init(
                memory: min(options.queryMemory, budget.limit / 4), samples: options.queryMaxSamples,
                deadline: .now + .milliseconds(options.queryTimeout)), budget: budget)
        let query = try await queries.begin(.init(.promql, expression, from: .rule), context)
        defer { query.finish() }
        let result = try await query.run { try await engine.instant(expression, at: time, context: $0) }
        switch result.value {
        case .vector(let matrix):
            return matrix.series.compactMap { series in
                guard series.present.first == true, series.histogram(at: 0) == nil, let value = series.values.first
                else { return nil }
                return RuleSample(labels: series.labels, value: value)
            }
        case .scalar(let value): return [RuleSample(labels: .empty, value: value)]
        case .matrix, .string, .samples: throw RuleLanguageError.notAVector
        }
    }
}

/// Rules over logs ask in LogQL, as Loki's ruler has it.
struct LogRuleLanguage: RuleQuerying {
    let engine: LogQLEngine
    let options: ServeOptions
    let budget: MemoryBudget
    let queries: QueryList

    func check(_ expression: String) throws { try LogRules.check(expression) }

    func instant(_ expression: String, at time: Int64) async throws -> [RuleSample] {
        let context = QueryContext(
            limits: .init(
                memory: min(options.queryMemory, budget.limit / 4), samples: options.queryMaxSamples,
                deadline: .now + .milliseconds(options.queryTimeout)), budget: budget)
        let query = try await queries.begin(.init(.logql, expression, from: .rule), context)
        defer { query.finish() }
        let (nanoseconds, isTooFar) = time.multipliedReportingOverflow(by: 1_000_000)
        guard !isTooFar else { return [] }
        switch try await query.run({ try await engine.instant(expression, at: nanoseconds, context: $0) }) {
        case .matrix(let matrix):
            return matrix.series.compactMap { series in
                guard series.present.first == true, let value = series.values.first else { return nil }
                return RuleSample(labels: series.labels, value: value)
            }
        case .scalar(let value): return [RuleSample(labels: .empty, value: value)]
        }
    }
}

package enum LogRules {
    /// Throws where the expression is no metric query of LogQL.
    package static func check(_ expression: String) throws {
        guard case .metric = try LogQLEngine.parse(expression) else { throw RuleLanguageError.notAMetricQuery }
    }
}

enum RuleLanguageError: Error, CustomStringConvertible {
    case notAVector
    case notAMetricQuery
    var description: String {
        switch self {
        case .notAVector: "rule result is not a vector or scalar"
        case .notAMetricQuery: "a rule wants numbers: a log query in count_over_time, rate and the like"
        }
    }
}

/// All rule files of a configuration.
package enum RuleFiles {
    /// Throws every error of every file at once.
    package static func load(
        _ patterns: [String], folder: String, language: any RuleQuerying, dialect: RuleDialect = .promql
    ) throws -> [RuleGroup] {
        var groups: [RuleGroup] = []
        var errors: [YAMLError] = []
        for pattern in patterns {
            for path in FileDiscovery.paths(pattern.hasPrefix("/") ? pattern : "\(folder)/\(pattern)") {
                do {
                    let text = try String(contentsOfFile: path, encoding: .utf8)
                    let (found, wrong) = RuleFile.read(text, file: path, language: language, dialect: dialect)
                    groups += found
                    errors += wrong
                } catch {
                    errors.append(YAMLError(file: path, message: "cannot be read: \(error)"))
                }
            }
        }
        guard errors.isEmpty else { throw RuleFileErrors(errors: errors) }
        return groups
    }
}

package struct RuleFileErrors: Error, CustomStringConvertible {
    package var errors: [YAMLError]
    package var description: String { errors.map(\.description).joined(separator: "\n") }
}
