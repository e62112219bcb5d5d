import Telemetry
import Testing

@testable import Wire

/// What Prometheus' own translation makes of OTLP metrics, case by case.
@Suite struct OTLPMetricsTests {
    private typealias Strategy = OTLPTranslation.Strategy

    @Test func namesFollowEachOfTheFourStrategies() {
        let cases: [(name: String, unit: String, kind: MetricNaming.Kind, wanted: [String])] = [
            (
                "http.server.duration", "ms", .other,
                [
                    "http_server_duration_milliseconds", "http_server_duration", "http.server.duration_milliseconds",
                    "http.server.duration",
                ]
            ),
            (
                "requests.total", "{request}", .monotonicSum,
                ["requests_total", "requests_total", "requests_total", "requests.total"]
            ),
            ("cpu.load", "1", .gauge, ["cpu_load_ratio", "cpu_load", "cpu.load_ratio", "cpu.load"]),
            ("cpu.ratio", "1", .gauge, ["cpu_ratio", "cpu_ratio", "cpu_ratio", "cpu.ratio"]),
            (
                "net.io", "By/s", .monotonicSum,
                ["net_io_bytes_per_second_total", "net_io", "net.io_bytes_per_second_total", "net.io"]
            ),
            ("a..b__c", "", .gauge, ["a_b_c", "a_b__c", "a..b__c", "a..b__c"]),
            ("5xx", "", .other, ["_5xx", "_5xx", "5xx", "5xx"]),
            ("size.bytes", "By", .gauge, ["size_bytes", "size_bytes", "size.bytes", "size.bytes"]),
            ("water", "m/m", .other, ["water_meters_per_minute", "water", "water_meters_per_minute", "water"]),
            ("odd", "foo bar/baz", .other, ["odd_foo_bar_per_baz", "odd", "odd_foo bar_per_baz", "odd"]),
            ("only", "/s", .other, ["only_per_second", "only", "only_per_second", "only"]),
            ("..", "", .gauge, ["", "", "..", ".."]), ("ünï", "", .gauge, ["n", "n", "ünï", "ünï"]),
        ]
        for one in cases {
            for (strategy, wanted) in zip(Strategy.allCases, one.wanted) {
                let found = MetricNaming.name(one.name, unit: one.unit, kind: one.kind, strategy: strategy)
                #expect(found == wanted, "\(one.name) [\(one.unit)] \(strategy)")
            }
        }
        let units: [(String, String)] = [
            ("d", "days"), ("h", "hours"), ("min", "minutes"), ("s", "seconds"), ("ms", "milliseconds"),
            ("us", "microseconds"), ("ns", "nanoseconds"), ("By", "bytes"), ("KiBy", "kibibytes"),
            ("MiBy", "mebibytes"), ("GiBy", "gibibytes"), ("TiBy", "tibibytes"), ("KBy", "kilobytes"),
            ("MBy", "megabytes"), ("GBy", "gigabytes"), ("TBy", "terabytes"), ("m", "meters"), ("V", "volts"),
            ("A", "amperes"), ("J", "joules"), ("W", "watts"), ("g", "grams"), ("Cel", "celsius"), ("Hz", "hertz"),
            ("1", ""), ("%", "percent"), ("By/d", "bytes_per_day"), ("1/w", "per_week"), ("{x}/mo", "per_month"),
            ("m/y", "meters_per_year"), ("{a}", ""), ("", ""),
        ]
        for (unit, wanted) in units {
            #expect(MetricNaming.unit(unit, strategy: .underscoreEscapingWithSuffixes) == wanted, "\(unit)")
        }
    }

    private func json(
        attributes: String = "", scope: String = "", metric: String, resource: String = ""
    ) -> [UInt8] {
        Array(
            """
            {"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}},
            {"key":"service.instance.id","value":{"stringValue":"i"}},{"key":"cloud.region","value":{"stringValue":"eu"}},
            {"key":"a.b","value":{"stringValue":"of the resource"}}\(resource)]},
            "scopeMetrics":[{"schemaUrl":"http://schema","scope":{"name":"lib","version":"2","attributes":[
            {"key":"x.y","value":{"intValue":"7"}}]}\(scope),"metrics":[\(metric)]}]}]}
            """.utf8)
    }

    private func gauge(_ attributes: String) -> String {
        #"{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1000000","asDouble":1,"attributes":[\#(attributes)]}]}}"#
    }

    @Test func labelsFollowTheSettings() throws {
        let attribute = #"{"key":"a.b","value":{"stringValue":"1"}}"#
        let colliding =
            attribute
            + #",{"key":"a_b","value":{"stringValue":"2"}},{"key":"_p","value":{"boolValue":true}},{"key":"0","value":{"doubleValue":0.5}}"#
        let identity = ["__name__": "g", "job": "cart", "instance": "i"]
        let cases:
            [(what: String, attributes: String, set: (inout OTLPTranslation) -> Void, wanted: [String: String])] = [
                ("as it is", attribute, { _ in }, ["a_b": "1"]),
                ("collisions", colliding, { _ in }, ["a_b": "1;2", "key_p": "true", "key_0": "0.5"]),
                (
                    "no prefix", colliding, { $0.sanitisesLeadingUnderscores = false },
                    ["a_b": "1;2", "_p": "true", "key_0": "0.5"]
                ),
                (
                    "UTF-8", colliding, { $0.strategy = .noTranslation },
                    ["a.b": "1", "a_b": "2", "_p": "true", "0": "0.5"]
                ),
                (
                    "promoted", attribute, { $0.promotedResourceAttributes = ["cloud.region", "a.b", "none"] },
                    ["a_b": "1", "cloud_region": "eu"]
                ),
                (
                    "all promoted", "", { $0.promotesAllResourceAttributes = true },
                    [
                        "a_b": "of the resource", "cloud_region": "eu", "service_name": "cart",
                        "service_instance_id": "i",
                    ]
                ),
                (
                    "all but ignored", "",
                    {
                        $0.promotesAllResourceAttributes = true
                        $0.ignoredResourceAttributes = ["service.name", "a.b"]
                    }, ["cloud_region": "eu", "service_instance_id": "i"]
                ),
                (
                    "scope", attribute, { $0.promotesScopeMetadata = true },
                    [
                        "a_b": "1", "otel_scope_name": "lib", "otel_scope_version": "2",
                        "otel_scope_schema_url": "http://schema", "otel_scope_x_y": "7",
                    ]
                ),
            ]
        for one in cases {
            var translation = OTLPTranslation()
            one.set(&translation)
            var deltas = DeltaAccumulator()
            let result = try OTLPMetrics.decode(
                json: json(metric: gauge(one.attributes)), now: 0, translation: translation, deltas: &deltas)
            #expect(
                try result.batch.labels(ofSeries: 0) == LabelSet(identity.merging(one.wanted) { $1 }), "\(one.what)")
        }
    }

    @Test func targetInfoIsRepeatedAndHasWhatIsAskedFor() throws {
        let two =
            #"{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"1000000","asDouble":1},{"timeUnixNano":"400001000000","asDouble":1}]}}"#
        var deltas = DeltaAccumulator()
        for keeps in [false, true] {
            var translation = OTLPTranslation()
            translation.keepsIdentifyingResourceAttributes = keeps
            let batch = try OTLPMetrics.decode(
                json: json(metric: two), now: 0, translation: translation, deltas: &deltas
            ).batch
            var wanted = [
                "__name__": "target_info", "job": "cart", "instance": "i", "cloud_region": "eu",
                "a_b": "of the resource",
            ]
            if keeps { wanted.merge(["service_name": "cart", "service_instance_id": "i"]) { $1 } }
            let info = try batch.refs.indices.filter {
                try batch.labels(ofSeries: Int(batch.refs[$0])).metricName == "target_info"
            }
            #expect(info.map { batch.timestamps[$0] } == [1, 150_001, 300_001, 400_001])
            #expect(try batch.labels(ofSeries: Int(batch.refs[info[0]])) == LabelSet(wanted))
        }
    }

    @Test func aPointFarFromNowIsOneRejectedPointAndMovesNothing() throws {
        var translation = OTLPTranslation()
        (translation.longestAge, translation.longestLead) = (1_000_000, 1000)
        func metrics(_ milliseconds: Int64) -> String {
            let time = #""timeUnixNano":"\#(milliseconds)000000""#
            return [
                #"{"name":"g\#(milliseconds)","gauge":{"dataPoints":[{\#(time),"asDouble":1}]}}"#,
                #"{"name":"h\#(milliseconds)","histogram":{"aggregationTemporality":2,"dataPoints":[{\#(time),"count":3,"bucketCounts":[1,2],"explicitBounds":[1]}]}}"#,
                #"{"name":"e\#(milliseconds)","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{\#(time)}]}}"#,
                #"{"name":"s\#(milliseconds)","summary":{"dataPoints":[{\#(time)}]}}"#,
            ].joined(separator: ",")
        }
        let now: Int64 = 2_000_000
        for (time, fault) in [
            (now - 1_000_000, nil), (now - 1_000_001, "older than the retention time"), (now + 1000, nil),
            (now + 1001, "too far in the future"), (9_000_000_000_000, "too far in the future"),
        ] as [(Int64, String?)] {
            var deltas = DeltaAccumulator()
            let body = json(metric: metrics(now) + "," + metrics(time))
            let result = try OTLPMetrics.decode(json: body, now: now, translation: translation, deltas: &deltas)
            #expect(result.rejected == (fault == nil ? 0 : 4) && result.points == (fault == nil ? 8 : 4), "\(time)")
            #expect(fault.map { result.rejectionMessage?.contains($0) == true } ?? (result.rejectionMessage == nil))
            if fault != nil { #expect(result.batch.timestamps.allSatisfy { $0 == now } && result.infoSamples == 1) }
        }
    }

    @Test func histogramsSumsAndTheirStartsKeepWhatWasSaid() throws {
        let point =
            #""startTimeUnixNano":"5000000","timeUnixNano":"9000000","count":6,"sum":1.5,"bucketCounts":[0,2,0,0,0,4],"explicitBounds":[1,2.5,4,5,6]"#
        let metrics = [
            #"{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[{\#(point)},{\#(point),"flags":1,"attributes":[{"key":"k","value":{"stringValue":"gone"}}]}]}}"#,
            #"{"name":"c","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{"startTimeUnixNano":"5000000","timeUnixNano":"9000000","asInt":"3"}]}}"#,
            #"{"name":"g","gauge":{"dataPoints":[{"startTimeUnixNano":"5000000","timeUnixNano":"9000000","asInt":"-3"}]}}"#,
            #"{"name":"bad","histogram":{"aggregationTemporality":2,"dataPoints":[{"count":1,"bucketCounts":[1,0],"explicitBounds":[1,2]},{\#(point)}]}}"#,
            #"{"name":"coarse","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"scale":-5,"count":1}]}}"#,
            #"{"name":"none","sum":{"dataPoints":[{"asInt":"1"},{"asInt":"2"}]}}"#,
        ]
        var translation = OTLPTranslation()
        translation.convertsHistogramsToNHCB = true
        var deltas = DeltaAccumulator()
        let body = json(metric: metrics.joined(separator: ","))
        let result = try OTLPMetrics.decode(json: body, now: 0, translation: translation, deltas: &deltas)
        #expect(result.rejected == 4 && result.points == 5)
        let first = try #require(result.batch.histograms.first)
        #expect(first.startTimestamp == 5 && first.timestamp == 9)
        #expect(first.histogram.schema == -53 && first.histogram.customValues == [1, 2.5, 4, 5, 6])
        #expect(first.histogram.positiveSpans == [.init(offset: 1, length: 1), .init(offset: 3, length: 1)])
        #expect(first.histogram.positiveBuckets == [2, 4] && first.histogram.count == 6 && first.histogram.sum == 1.5)
        #expect(SpecialValue.isStaleMarker(result.batch.histograms[1].histogram.sum))
        let names = try result.batch.refs.map { try result.batch.labels(ofSeries: Int($0)).metricName ?? "" }
        #expect(
            Array(zip(names, result.batch.startTimestamps).map { "\($0) \($1)" }.prefix(2)) == ["c_total 5", "g 0"])
        // Classic, the same request.
        let classic = try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas).batch
        #expect(classic.histograms.isEmpty && classic.startTimestamps.count == classic.refs.count)
        #expect(classic.startTimestamps.first == 5)
    }

    @Test func aKnownSeriesIsKnownByItsBytes() throws {
        var deltas = DeltaAccumulator()
        let body = json(metric: gauge(#"{"key":"a","value":{"stringValue":"1"}}"#))
        let first = try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas).batch
        #expect(first.keys == (try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas).batch.keys))
        #expect(Set(first.keys).count == first.keys.count)
        var other = OTLPTranslation()
        other.promotedResourceAttributes = ["cloud.region"]
        let promoted = try OTLPMetrics.decode(json: body, now: 0, translation: other, deltas: &deltas).batch
        #expect(Set(first.keys).isDisjoint(with: promoted.keys), "other settings make other labels of the same bytes")
    }

    @Test func deltasGoOnFromWhatTheStoreHas() throws {
        let sum =
            #"{"name":"d","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"8000000","timeUnixNano":"9000000","asInt":"3"}]}}"#
        let explicit =
            #"{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"9000000","count":2,"sum":1,"bucketCounts":[1,1],"explicitBounds":[1]}]}}"#
        let body = json(metric: sum + "," + explicit)
        var deltas = DeltaAccumulator(isRecovering: true)
        let asked = try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas)
        #expect(
            asked.unknownDeltas == [.init(name: "d_total", isHistogram: false), .init(name: "h", isHistogram: true)])
        #expect(asked.batch.isEmpty && deltas.seriesCount == 0)
        func labels(_ name: String, _ more: [String: String] = [:]) -> LabelSet {
            LabelSet(["__name__": name, "job": "cart", "instance": "i"].merging(more) { $1 })
        }
        deltas.adopt("d_total", [.init(labels: labels("d_total"), value: 100, time: 7, start: 2)])
        deltas.adopt(
            "h",
            [
                .init(labels: labels("h_count"), value: 10, time: 7, start: 0),
                .init(labels: labels("h_bucket", ["le": "1.0"]), value: 4, time: 7, start: 0),
                .init(labels: labels("h_bucket", ["le": "+Inf"]), value: 10, time: 7, start: 0),
            ])
        func values(_ result: OTLPMetricsResult) throws -> [String: Double] {
            var found: [String: Double] = [:]
            for (ref, value) in zip(result.batch.refs, result.batch.values) {
                let labels = try result.batch.labels(ofSeries: Int(ref))
                found["\(labels.metricName ?? "") \(labels["le"] ?? "")"] = value
            }
            return found
        }
        let result = try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas)
        let found = try values(result)
        #expect(found["d_total "] == 103 && found["h_count "] == 12 && found["h_sum "] == 1)
        #expect(found["h_bucket 1.0"] == 5 && found["h_bucket +Inf"] == 12)
        #expect(result.batch.startTimestamps.first == 2, "counting began where the store says")
        let again = try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas)
        #expect(again.rejected == 2 && again.points == 0, "what was stored before is not counted twice")
        deltas.removeIdle(before: 1000)
        #expect(deltas.seriesCount == 0)
        #expect(try OTLPMetrics.decode(json: body, now: 0, deltas: &deltas).unknownDeltas.count == 2)
    }

    @Test func customBucketsOfDeltasAddUpAndBeginAnewWithOtherBounds() throws {
        var translation = OTLPTranslation()
        translation.convertsHistogramsToNHCB = true
        var deltas = DeltaAccumulator()
        func decode(_ time: Int, _ bounds: String) throws -> NativeHistogram {
            let metric =
                #"{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"\#(time)000000","count":3,"sum":1,"bucketCounts":[1,0,2],"explicitBounds":[\#(bounds)]}]}}"#
            let result = try OTLPMetrics.decode(
                json: json(metric: metric), now: 0, translation: translation, deltas: &deltas)
            return try #require(result.batch.histograms.first?.histogram)
        }
        _ = try decode(1, "1,2")
        let second = try decode(2, "1,2")
        #expect(second.count == 6 && second.positiveBuckets == [2, 0, 4] && second.resetHint == .unknown)
        let third = try decode(3, "1,3")
        #expect(third.count == 3 && third.customValues == [1, 3] && third.resetHint == .reset)
    }
}
