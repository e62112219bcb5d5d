// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// zstd is optional: blocks fall back to zlib where its header is not installed.
/// `NEEDLETAIL_ZSTD=0` builds without it on a machine that has it.
let zstdIsPresent: Bool = {
    if let wish = Context.environment["NEEDLETAIL_ZSTD"] { return wish != "0" }
    return ["/usr/include/zstd.h", "/usr/local/include/zstd.h"]
        .contains { FileManager.default.fileExists(atPath: $0) }
}()

/// Warnings are errors in CI, and only for our own targets: dependencies print some of their own.
let warningSettings: [SwiftSetting] =
    !(Context.environment["CI"] ?? "").isEmpty ? [.treatAllWarnings(as: .error)] : []

let houseSettings: [SwiftSetting] =
    warningSettings + [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]

/// The lower floors: every file names what it uses, and every unsafe expression is marked with `unsafe`.
let strictSettings: [SwiftSetting] =
    houseSettings + [.enableUpcomingFeature("MemberImportVisibility"), .strictMemorySafety()]

func room(_ name: String, _ dependencies: [Target.Dependency] = [], strict: Bool = true) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict ? strictSettings : houseSettings)
}

/// The program carries Swift's libraries in itself and is linked at a fixed address: loading twenty libraries and
/// relocating them costs as much again as all that `serve` does until its first answer.
let programLinking: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-Xlinker", "-no-pie", "-Xlinker", "--no-export-dynamic", "-Xlinker", "--gc-sections",
            "-lFoundationInternationalization", "-lFoundationEssentials", "-lCoreFoundation", "-l_FoundationCShims",
            "-l_FoundationCollections", "-l_FoundationICU",
        ],
        .when(platforms: [.linux], configuration: .release))
]

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name), "TestSupport"] + dependencies,
        swiftSettings: houseSettings)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grpc: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcTransport: Target.Dependency = .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1: Target.Dependency = .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "needletail",
    products: [
        .executable(name: "needletail", targets: ["needletail"]),
        .library(name: "ServiceInstrumentation", targets: ["ServiceInstrumentation"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Floor 0
        .target(
            name: "CShims",
            cSettings: [.unsafeFlags(["-O3"])] + (zstdIsPresent ? [.define("NEEDLETAIL_ZSTD")] : []),
            linkerSettings: [.linkedLibrary("z")] + (zstdIsPresent ? [.linkedLibrary("zstd")] : [])),
        room("Telemetry"),
        room("Codecs", ["CShims"]),
        room("Patterns"),
        // Floor 1
        room("YAMLReading", [yams], strict: false),
        room("GoTemplates", ["Telemetry", "Patterns"]),
        room("Storage", ["CShims", "Telemetry", "Codecs", "Patterns", grdb, logging]),
        // Floor 2
        room("SeriesStore", ["Telemetry", "Codecs", "Patterns", "Storage", logging]),
        room("EventStore", ["CShims", "Telemetry", "Codecs", "Patterns", "Storage", logging]),
        room("Vectors", ["Telemetry", "Patterns"]),
        room(
            "Endpoints",
            [
                "Telemetry", "Patterns", "YAMLReading", asyncHTTPClient, crypto, logging, nioCore, nioHTTP1, nioPosix, nioSSL,
            ],
            strict: false),
        // Floor 3
        room("PromQL", ["Telemetry", "Patterns", "Storage", "Vectors"]),
        room("LogQL", ["Telemetry", "Patterns", "GoTemplates", "Storage", "Vectors"]),
        room("TraceQL", ["Telemetry", "Patterns", "Storage"]),
        room("Wire", ["Telemetry", "Codecs"]),
        // Floor 4
        room(
            "Scraping",
            [
                "Telemetry", "Codecs", "Patterns", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, crypto,
                logging, nioCore, nioHTTP1, nioPosix,
            ],
            strict: false),
        room(
            "RemoteWriting",
            [
                "Telemetry", "Codecs", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, logging, nioCore,
                nioHTTP1,
            ],
            strict: false),
        room(
            "Alerting",
            ["Telemetry", "Patterns", "GoTemplates", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, logging, nioCore, nioHTTP1],
            strict: false),
        room(
            "Agent",
            [
                "Telemetry", "Codecs", "Patterns", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, logging,
                nioCore, nioHTTP1, nioPosix,
            ],
            strict: false),
        // Floor 5
        room(
            "Server",
            [
                "Telemetry", "Codecs", "Patterns", "Storage", "SeriesStore", "EventStore", "Vectors", "PromQL",
                "LogQL", "TraceQL", "Wire", "YAMLReading", "Endpoints", "Scraping", "RemoteWriting",
                "Alerting", "ServiceInstrumentation", hummingbird, grpc, grpcTransport, lifecycle,
                logging, metrics, nioCore, nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1, nioPosix, nioSSL,
                nioWebSocket, crypto, asyncHTTPClient, httpTypes,
            ], strict: false),
        // Floor 6
        .executableTarget(
            name: "needletail",
            dependencies: [
                "Server", "Agent", "Shop", "Alerting", "PromQL", "TraceQL", "Wire", "Storage", "SeriesStore", "Codecs", "YAMLReading",
                "Telemetry", argumentParser,
                asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1,
            ],
            swiftSettings: houseSettings,
            linkerSettings: programLinking),
        // Beside
        .target(
            name: "OTLPMessages", dependencies: [protobuf], exclude: ["Protos"], swiftSettings: houseSettings),
        room(
            "ServiceInstrumentation",
            ["OTLPMessages", protobuf, asyncHTTPClient, logging, metrics, nioCore, nioHTTP1], strict: false),
        room(
            "Shop",
            [
                "ServiceInstrumentation", hummingbird, asyncHTTPClient, grdb, lifecycle, logging, metrics, nioCore, nioHTTP1, yams,
            ],
            strict: false),
        // Measures
        .executableTarget(
            name: "kernels",
            dependencies: [
                "Codecs", "EventStore", "Patterns", "ShopLogs", "Wire", "Telemetry", "OTLPMessages", protobuf,
            ],
            path: "Benchmarks/Kernels", swiftSettings: houseSettings),
        .executableTarget(
            name: "metrics", dependencies: ["BenchmarkSupport", "Codecs", "Wire", "Telemetry", argumentParser],
            path: "Benchmarks/Metrics", swiftSettings: houseSettings),
        .target(name: "BenchmarkSupport", path: "Benchmarks/Support", swiftSettings: houseSettings),
        .target(name: "ShopLogs", path: "Benchmarks/Logs/Data", swiftSettings: houseSettings),
        .target(
            name: "LogBaseline", dependencies: ["ShopLogs", "Codecs"], path: "Benchmarks/Logs/Baseline",
            swiftSettings: houseSettings),
        .executableTarget(
            name: "logs",
            dependencies: ["BenchmarkSupport", "ShopLogs", "LogBaseline", "Codecs", "Wire", argumentParser],
            path: "Benchmarks/Logs/Comparison", swiftSettings: houseSettings),
        .executableTarget(
            name: "logengine", dependencies: ["ShopLogs", "LogBaseline", "Codecs", "Telemetry", "Storage", "EventStore"],
            path: "Benchmarks/Logs/Engine", swiftSettings: houseSettings),
        // Tests
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: houseSettings),
        tests("Telemetry"),
        tests("Codecs"),
        tests("Patterns"),
        tests("YAMLReading"),
        tests("GoTemplates", ["Telemetry"]),
        tests("Storage", ["Telemetry", "Codecs"]),
        tests("SeriesStore", ["Telemetry", "Storage", "Codecs"]),
        tests("EventStore", ["Telemetry", "Storage", "Codecs", "Patterns"]),
        tests("Vectors", ["Telemetry"]),
        tests("PromQL", ["Telemetry", "Storage", "Vectors", "Patterns"]),
        tests("LogQL", ["Telemetry", "Storage", "EventStore", "Vectors", "Patterns", "GoTemplates"]),
        tests("TraceQL", ["Telemetry", "Storage", "Patterns"]),
        tests("Wire", ["Telemetry", "Codecs", "OTLPMessages", protobuf]),
        tests(
            "Endpoints", ["Telemetry", "YAMLReading", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix, nioSSL]),
        tests(
            "Scraping",
            [
                "Telemetry", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, httpTypes, hummingbird, lifecycle,
                logging, nioCore, nioPosix,
            ]),
        tests(
            "RemoteWriting",
            [
                "Telemetry", "Codecs", "Storage", "Wire", "YAMLReading", "Endpoints", asyncHTTPClient, hummingbird, lifecycle,
                logging, nioCore,
            ]),
        tests("Agent", ["Telemetry", "Codecs", "Storage", "Wire", "YAMLReading", logging]),
        tests(
            "Alerting",
            ["Telemetry", "Storage", "YAMLReading", "Endpoints", asyncHTTPClient, hummingbird, logging, nioCore]),
        tests("Server", ["Telemetry", "Storage", "YAMLReading", asyncHTTPClient, lifecycle, logging, nioCore, nioPosix]),
        tests(
            "Shop",
            [
                "ServiceInstrumentation", "OTLPMessages", asyncHTTPClient, hummingbird, lifecycle, logging, metrics, nioCore,
                nioHTTP1, protobuf,
            ]),
        .testTarget(
            name: "CommandTests", dependencies: ["needletail", "Telemetry", "TestSupport"], swiftSettings: houseSettings),
    ],
    swiftLanguageModes: [.v6]
)
