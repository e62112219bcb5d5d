import Foundation
import OTLPMessages
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Wire

private func dump(_ batch: EventBatch) -> [String] {
    var lines = batch.groups.map { "\($0.labels) \($0.shared)" }
    lines.append("\(batch.timestamps) \(batch.groupOfRow)")
    for column in batch.columns.sorted(by: { $0.name < $1.name }) {
        for index in 0..<column.count {
            lines.append("\(column.name)[\(column.rows[index])] = \(column.value(at: index))")
        }
    }
    return lines
}

private func dump(_ batch: SeriesBatch) -> [String] {
    func labels(_ series: UInt32) -> String {
        do { return try batch.labels(ofSeries: Int(series)).description } catch { return "\(error)" }
    }
    var lines = zip(batch.refs, zip(batch.timestamps, batch.values)).map { ref, sample in
        "\(labels(ref)) \(sample.0) \(sample.1.bitPattern)"
    }
    lines += batch.histograms.map { "\(labels($0.series)) \($0.timestamp) \($0.histogram)" }
    lines += batch.exemplars.map { "\(labels($0.series)) \($0.exemplar)" }
    return lines + batch.metadata.map { "\($0)" }
}

private func model(_ value: AnyValue) -> AttributeValue {
    switch value.value {
    case .stringValue(let text): .string(text)
    case .boolValue(let flag): .bool(flag)
    case .intValue(let number): .int(number)
    case .doubleValue(let number): .double(number)
    case .bytesValue(let data): .bytes(Array(data))
    case .arrayValue(let array): .array(array.values.map(model))
    case .kvlistValue(let list): .map(list.values.map { Attribute($0.key, model($0.value)) })
    case nil: .empty
    }
}

@Suite struct OTLPTests {
    @Test func spansHaveWhatAnotherProtobufLibrarySeesInThem() throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            var messages = RandomMessages(random: SeededGenerator(seed: seed))
            let request = messages.traces()
            let result = try OTLPTraces.decode(protobuf: Array(try request.serializedData()))
            var row = 0
            var rejected = 0
            for resource in request.resourceSpans {
                for scope in resource.scopeSpans {
                    for span in scope.spans {
                        guard span.traceID.count == 16, span.traceID.contains(where: { $0 != 0 }),
                            span.spanID.count == 8
                        else {
                            rejected += 1
                            continue
                        }
                        let batch = result.batch
                        try #require(row < batch.rowCount, "seed \(seed)")
                        #expect(batch.value("trace:id", row: row) == .bytes(Array(span.traceID)), "seed \(seed)")
                        #expect(batch.value("span:name", row: row) == .string(span.name))
                        #expect(batch.value("span:kind", row: row) == .int(Int64(span.kind.rawValue)))
                        #expect(batch.value("span:status", row: row) == .int(Int64(span.status.code.rawValue)))
                        let hasParent = span.parentSpanID.contains { $0 != 0 }
                        #expect(
                            batch.value("span:parentID", row: row)
                                == (hasParent ? .bytes(Array(span.parentSpanID)) : nil))
                        let ran =
                            span.endTimeUnixNano > span.startTimeUnixNano
                            ? span.endTimeUnixNano - span.startTimeUnixNano : 0
                        #expect(batch.value("span:duration", row: row) == .int(Int64(ran)))
                        #expect(batch.timestamps[row] == Int64(span.startTimeUnixNano))
                        for pair in span.attributes {
                            #expect(
                                batch.value("span.\(pair.key)", row: row) == model(pair.value),
                                "seed \(seed) \(pair.key)")
                        }
                        let group = batch.groups[Int(batch.groupOfRow[row])]
                        for pair in resource.resource.attributes {
                            #expect(group.shared("resource.\(pair.key)") == model(pair.value), "seed \(seed)")
                        }
                        for pair in scope.scope.attributes {
                            #expect(group.shared("instrumentation.\(pair.key)") == model(pair.value), "seed \(seed)")
                        }
                        guard case .array(let events)? = batch.value("span:events", row: row) ?? .array([]) else {
                            Issue.record("events are not an array, seed \(seed)")
                            continue
                        }
                        #expect(
                            events
                                == span.events.map { event in
                                    .map([
                                        Attribute("name", .string(event.name)),
                                        Attribute("time", .int(Int64(event.timeUnixNano))),
                                        Attribute(
                                            "attributes",
                                            .map(event.attributes.map { Attribute($0.key, model($0.value)) })),
                                    ])
                                })
                        row += 1
                    }
                }
            }
            #expect(row == result.batch.rowCount, "seed \(seed)")
            #expect(rejected == result.rejected, "seed \(seed)")
            #expect((result.rejectionMessage == nil) == (rejected == 0))
        }
    }

    @Test func jsonAndProtobufMeanTheSame() throws {
        for seed in 1...200 as ClosedRange<UInt64> {
            var messages = RandomMessages(random: SeededGenerator(seed: seed))
            let traces = messages.traces()
            let logs = messages.logs()
            let metrics = messages.metrics()
            let spanBytes = Array(try traces.serializedData())
            #expect(
                dump(try OTLPTraces.decode(protobuf: spanBytes).batch)
                    == dump(try OTLPTraces.decode(json: otlpJSON(traces)).batch), "seed \(seed)")
            #expect(
                dump(try OTLPLogs.decode(protobuf: Array(try logs.serializedData()), now: 5).batch)
                    == dump(try OTLPLogs.decode(json: otlpJSON(logs), now: 5).batch), "seed \(seed)")
            var deltas = DeltaAccumulator()
            var others = DeltaAccumulator()
            let first = try OTLPMetrics.decode(protobuf: Array(try metrics.serializedData()), now: 5, deltas: &deltas)
            let second = try OTLPMetrics.decode(json: otlpJSON(metrics), now: 5, deltas: &others)
            #expect(dump(first.batch) == dump(second.batch), "seed \(seed)")
            #expect(first.rejected == second.rejected, "seed \(seed)")
        }
    }

    @Test func brokenBytesGiveAnErrorAndNeverATrap() throws {
        var accepted = 0
        for seed in 1...800 as ClosedRange<UInt64> {
            var messages = RandomMessages(random: SeededGenerator(seed: seed))
            let traces = messages.traces()
            let logs = messages.logs()
            let metrics = messages.metrics()
            let noise = (0..<Int(seed % 60)).map { _ in UInt8.random(in: 0...255, using: &messages.random) }
            var deltas = DeltaAccumulator()
            for bytes in [
                messages.mutated(Array(try traces.serializedData())),
                messages.mutated(Array(try logs.serializedData())),
                messages.mutated(Array(try metrics.serializedData())), noise,
            ] {
                let ours = try? OTLPTraces.decode(protobuf: bytes)
                if (try? TraceRequest(serializedBytes: bytes)) != nil {
                    accepted += 1
                    #expect(ours != nil, "seed \(seed): another library accepts \(bytes)")
                }
                _ = try? OTLPLogs.decode(protobuf: bytes, now: 1)
                _ = try? OTLPMetrics.decode(protobuf: bytes, now: 1, deltas: &deltas)
                _ = try? RemoteWrite.decode(bytes)
                _ = try? LokiPush.decode(protobuf: bytes, now: 1)
            }
            guard seed < 150 else { continue }
            for json in [try otlpJSON(traces), try otlpJSON(logs), try otlpJSON(metrics)] {
                let bytes = messages.mutated(json)
                _ = try? OTLPTraces.decode(json: bytes)
                _ = try? OTLPLogs.decode(json: bytes, now: 1)
                _ = try? OTLPMetrics.decode(json: bytes, now: 1, deltas: &deltas)
                _ = try? LokiPush.decode(json: bytes, now: 1)
                _ = try? ExpositionParser.parse(bytes, format: .text004, defaultTimestamp: 0)
            }
        }
        #expect(accepted > 30)
        let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: WireError.self) { try OTLPTraces.decode(json: deep) }
        var nested: [UInt8] = []
        for _ in 0..<200 {
            var writer = ProtobufWriter()
            writer.message(5) { $0.data(1, nested) }
            nested = writer.bytes
        }
        var writer = ProtobufWriter()
        writer.message(1) { $0.message(2) { $0.message(2) { $0.data(5, nested) } } }
        #expect(throws: WireError.self) { try OTLPLogs.decode(protobuf: writer.bytes, now: 1) }
    }

    @Test func logRecordsBecomeStreamsLinesAndMetadata() throws {
        let json = """
            {"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}},
            {"key":"k8s.pod.name","value":{"stringValue":"cart-1"}},{"key":"host.arch","value":{"stringValue":"amd64"}}]},
            "scopeLogs":[{"scope":{"name":"lib","version":"2"},"logRecords":[
            {"timeUnixNano":"17","severityNumber":17,"severityText":"Oops","body":{"stringValue":"failed"},
             "traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"0102030405060708","flags":1,"unknown":{"x":[1,{}]},
             "attributes":[{"key":"http.status","value":{"intValue":"500"}},
              {"key":"user","value":{"kvlistValue":{"values":[{"key":"id","value":{"intValue":7}}]}}},
              {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"doubleValue":1.5}]}}}]},
            {"observedTimeUnixNano":18,"body":{"kvlistValue":{"values":[{"key":"level","value":{"stringValue":"warn"}}]}}},
            {"body":{"intValue":-3},"severityNumber":"SEVERITY_NUMBER_FATAL2"}]}]}]}
            """
        let batch = try OTLPLogs.decode(json: Array(json.utf8), now: 99).batch
        #expect(batch.timestamps == [17, 18, 99])
        #expect(batch.groups.map(\.labels) == [LabelSet(["service_name": "cart", "k8s_pod_name": "cart-1"])])
        #expect(
            batch.groups[0].shared == [
                Attribute("host.arch", .string("amd64")), Attribute("scope_name", .string("lib")),
                Attribute("scope_version", .string("2")),
            ])
        let expected: [(String, Int, AttributeValue?)] = [
            ("log:line", 0, .string("failed")), ("log:line", 1, .string("{\"level\":\"warn\"}")),
            ("log:line", 2, .string("-3")),
            ("http.status", 0, .int(500)), ("user_id", 0, .int(7)), ("tags", 0, .string("[\"a\",1.5]")),
            ("user", 0, nil),
            ("trace_id", 0, .string("0102030405060708090a0b0c0d0e0f10")), ("span_id", 0, .string("0102030405060708")),
            ("severity_number", 0, .int(17)), ("severity_text", 0, .string("Oops")), ("flags", 0, .int(1)),
            ("detected_level", 0, .string("error")), ("detected_level", 1, .string("warn")),
            ("detected_level", 2, .string("fatal")), ("observed_timestamp", 1, .int(18)), ("trace_id", 1, nil),
        ]
        for (name, row, value) in expected { #expect(batch.value(name, row: row) == value, "\(name) of row \(row)") }
        // The service is named as Loki names it; the limits are those of every way in.
        for (attribute, service) in [
            ("container.name", "x"), ("k8s.job.name", "x"), ("host.name", "unknown_service"), ("service.name", "x"),
        ] {
            let text =
                #"{"resourceLogs":[{"resource":{"attributes":[{"key":"\#(attribute)","value":{"stringValue":"x"}}]},"#
                + #""scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]}"#
            let found = try OTLPLogs.decode(json: Array(text.utf8), now: 99).batch.groups.first?.labels
            #expect(found?["service_name"] == service, "\(attribute)")
        }
        // Where attributes go is a matter of configuration.
        var mapping = OTLPLogMapping()
        mapping.resource += [
            .init(.indexLabel, ["team"]), .init(.drop, [], matches: { $0.hasPrefix("secret") }),
            .init(.indexLabel, ["secret.too", "host"]),
        ]
        mapping.scope = [.init(.indexLabel, ["lib"]), .init(.drop, ["noise"])]
        mapping.log = [.init(.indexLabel, ["tenant"]), .init(.drop, ["token"])]
        mapping.severityTextIsLabel = true
        let mapped = try OTLPLogs.decode(
            json: Array(
                #"""
                {"resourceLogs":[{"resource":{"attributes":[{"key":"team","value":{"stringValue":"t"}},
                {"key":"host","value":{"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"h"}}]}}},
                {"key":"secret.too","value":{"stringValue":"s"}},{"key":"k8s.pod.name","value":{"stringValue":"p"}},
                {"key":"other","value":{"intValue":1}}]},"scopeLogs":[{"scope":{"attributes":[
                {"key":"lib","value":{"stringValue":"l"}},{"key":"noise","value":{"stringValue":"n"}}]},"logRecords":[
                {"body":{"stringValue":"a"},"severityText":"WARN","attributes":[{"key":"tenant","value":{"stringValue":"x"}},
                {"key":"token","value":{"stringValue":"y"}},{"key":"kept","value":{"stringValue":"z"}}]},
                {"body":{"stringValue":"b"}},{"body":{"stringValue":"c"},"severityText":"WARN",
                "attributes":[{"key":"tenant","value":{"stringValue":"x"}}]}]}]}]}
                """#.utf8), now: 99, mapping: mapping
        ).batch
        let common = [
            "team": "t", "host_name": "h", "k8s_pod_name": "p", "lib": "l", "service_name": "unknown_service",
        ]
        #expect(
            mapped.groups.map(\.labels) == [
                LabelSet(common.merging(["tenant": "x", "severity_text": "WARN"]) { $1 }), LabelSet(common),
            ])
        #expect(
            mapped.groupOfRow == [0, 1, 0] && mapped.groups.allSatisfy { $0.shared == [Attribute("other", .int(1))] })
        #expect(
            mapped.value("kept", row: 0) == .string("z") && mapped.value("detected_level", row: 0) == .string("warn"))
        for name in ["token", "tenant", "severity_text"] { #expect(mapped.column(name) == nil, "\(name)") }
        func record(_ attributes: [String]) -> String {
            let list = attributes.map { #"{"key":"\#($0)","value":{"stringValue":"v"}}"# }.joined(separator: ",")
            return #"{"body":{"stringValue":"a"},"attributes":[\#(list)]}"#
        }
        let names = (0..<1001).map { "name\($0)" }
        let map = names.map { #"{"key":"\#($0)","value":{"intValue":1}}"# }.joined(separator: ",")
        let records = [
            record(Array(names.prefix(1000))), record(names), record([String(repeating: "n", count: 66_000)]),
            #"{"attributes":[{"key":"m","value":{"kvlistValue":{"values":[\#(map)]}}}]}"#, record(["a"]),
        ]
        let limited = try OTLPLogs.decode(
            json: Array(
                #"{"resourceLogs":[{"scopeLogs":[{"logRecords":[\#(records.joined(separator: ","))]}]}]}"#.utf8),
            now: 99)
        #expect(limited.batch.rowCount == 2 && limited.rejected == 3)
        #expect(limited.rejections.map(\.reason) == [.metadataTooMany, .metadataTooLarge])
    }

    @Test func metricsAreTranslatedAsPrometheusDoes() throws {
        let names: [(String, String, MetricNaming.Kind, String)] = [
            ("http.server.duration", "ms", .other, "http_server_duration_milliseconds"),
            ("http.requests", "{request}", .monotonicSum, "http_requests_total"),
            ("total.bytes", "By", .monotonicSum, "bytes_total"), ("cpu.load", "1", .gauge, "cpu_load_ratio"),
            ("net.io", "By/s", .gauge, "net_io_bytes_per_second"), ("5xx", "", .gauge, "_5xx"),
            ("a..b__c", "", .gauge, "a_b_c"),
            ("odd", "widgets", .gauge, "odd_widgets"), ("memory_bytes", "By", .gauge, "memory_bytes"),
            ("…", "", .gauge, ""),
            ("ns:name", "%", .gauge, "ns:name_percent"),
        ]
        for (name, unit, kind, wanted) in names { #expect(MetricNaming.name(name, unit: unit, kind: kind) == wanted) }
        for (name, wanted) in [("a.b", "a_b"), ("0x", "key_0x"), ("_x", "key_x"), ("__x", "__x"), ("a__b", "a__b")] {
            #expect(LabelNames.translated(name) == wanted)
        }
        let json = { (time: Int) in
            """
            {"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}},
            {"key":"service.namespace","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"i1"}},
            {"key":"host.name","value":{"stringValue":"h"}}]},"scopeMetrics":[{"metrics":[
            {"name":"orders","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"asInt":"2",
              "timeUnixNano":"\(time)000000","attributes":[{"key":"a.b","value":{"stringValue":"x"}},
              {"key":"a_b","value":{"stringValue":"y"}}]}]}},
            {"name":"lat","unit":"s","histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[
              {"timeUnixNano":"\(time)000000","count":3,"sum":1.5,"bucketCounts":[1,2,0],"explicitBounds":[1,2.5],
               "exemplars":[{"asDouble":2,"traceId":"0102030405060708090a0b0c0d0e0f10","timeUnixNano":"\(time)000000"}]}]}},
            {"name":"gone","gauge":{"dataPoints":[{"timeUnixNano":"\(time)000000","flags":1}]}},
            {"name":"exp","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"\(time)000000",
              "scale":9,"count":5,"sum":9,"zeroCount":1,"positive":{"offset":-3,"bucketCounts":[1,1,0,0,0,0,0,2]}}]}}]}]}]}
            """
        }
        var deltas = DeltaAccumulator()
        let first = try OTLPMetrics.decode(json: Array(json(1000).utf8), now: 0, deltas: &deltas)
        #expect(first.rejected == 0)
        let second = try OTLPMetrics.decode(json: Array(json(2000).utf8), now: 0, deltas: &deltas)
        func value(_ batch: SeriesBatch, _ labels: [String: String]) -> Double? {
            let identity = ["job": "shop/cart", "instance": "i1"].merging(labels) { $1 }
            return zip(batch.refs, batch.values).first {
                (try? batch.labels(ofSeries: Int($0.0))) == LabelSet(identity)
            }?.1
        }
        let orders = ["__name__": "orders_total", "a_b": "x;y"]
        #expect(value(first.batch, orders) == 2)
        #expect(value(second.batch, orders) == 4)
        #expect(value(first.batch, ["__name__": "lat_seconds_bucket", "le": "1.0"]) == 1)
        #expect(value(first.batch, ["__name__": "lat_seconds_bucket", "le": "2.5"]) == 3)
        #expect(value(first.batch, ["__name__": "lat_seconds_bucket", "le": "+Inf"]) == 3)
        #expect(value(first.batch, ["__name__": "lat_seconds_sum"]) == 1.5)
        #expect(value(first.batch, ["__name__": "target_info", "host_name": "h"]) == 1)
        #expect(value(first.batch, ["__name__": "gone"]).map(SpecialValue.isStaleMarker) == true)
        #expect(try first.batch.exemplars.map { try first.batch.labels(ofSeries: Int($0.series))["le"] } == ["2.5"])
        let total = try #require(second.batch.histograms.first?.histogram)
        // Scale 9 is halved once: OTLP indices -3, -2 and 4 become -2, -1 and 2, and Prometheus counts from one
        // higher.
        #expect(total.schema == 8 && total.count == 10 && total.zeroCount == 2)
        #expect(total.positiveSpans == [.init(offset: -1, length: 5)] && total.positiveBuckets == [2, 2, 0, 0, 4])
        let again = try OTLPMetrics.decode(json: Array(json(2000).utf8), now: 0, deltas: &deltas)
        #expect(again.rejected == 2, "a delta sent twice counts once")
        #expect(value(try OTLPMetrics.decode(json: Array(json(3000).utf8), now: 0, deltas: &deltas).batch, orders) == 6)
        let broken = Array(json(4000).utf8.dropLast(4))
        #expect(throws: WireError.self) { try OTLPMetrics.decode(json: broken, now: 0, deltas: &deltas) }
        #expect(value(try OTLPMetrics.decode(json: Array(json(5000).utf8), now: 0, deltas: &deltas).batch, orders) == 8)
    }

    @Test func answersAreReadByAnotherProtobufLibrary() throws {
        typealias TraceResponse = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse
        #expect(OTLPResponses.success(.traces, rejected: 0, message: nil, json: false).isEmpty)
        #expect(OTLPResponses.success(.logs, rejected: 0, message: nil, json: true) == Array("{}".utf8))
        let partial = try TraceResponse(
            serializedBytes: OTLPResponses.success(.traces, rejected: 3, message: "bad \"id\"", json: false))
        #expect(partial.partialSuccess.rejectedSpans == 3 && partial.partialSuccess.errorMessage == "bad \"id\"")
        let json = OTLPResponses.success(.traces, rejected: 3, message: "bad \"id\"", json: true)
        #expect(try TraceResponse(jsonUTF8Bytes: json) == partial)
        let status = try Google_Rpc_Status(
            serializedBytes: OTLPResponses.status(code: 8, message: "slow down", retryAfterSeconds: 2.5, json: false))
        #expect(status.code == 8 && status.message == "slow down")
        let retry = try Google_Rpc_RetryInfo(unpackingAny: try #require(status.details.first))
        #expect(retry.retryDelay.seconds == 2 && retry.retryDelay.nanos == 500_000_000)
        for seed in 1...50 as ClosedRange<UInt64> {
            var messages = RandomMessages(random: SeededGenerator(seed: seed))
            let value = messages.value()
            var writer = ProtobufWriter()
            writer.anyValue(2, model(value))
            #expect(try KeyValue(serializedBytes: writer.bytes).value == value, "seed \(seed)")
            var text = JSONWriter()
            text.anyValue(model(value))
            #expect(try AnyValue(jsonUTF8Bytes: text.bytes) == value, "seed \(seed)")
        }
    }
}
