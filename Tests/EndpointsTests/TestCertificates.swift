import Foundation

/// Certificates made by the machine's `openssl`; nil where it has none.
struct TestCertificates {
    let folder: URL

    init?(in folder: URL) throws {
        guard
            let openssl = ["/usr/bin/openssl", "/usr/local/bin/openssl"].first(where: {
                FileManager.default.isExecutableFile(atPath: $0)
            })
        else {
            print("skipped: there is no openssl to make certificates with")
            return nil
        }
        self.folder = folder
        for authority in ["ca", "other"] {
            try Self.run(
                openssl,
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj",
                    "/CN=\(authority)", "-keyout", path("\(authority).key"), "-out", path("\(authority).pem"),
                    "-addext", "basicConstraints=critical,CA:TRUE",
                ])
        }
        for (name, extensions) in [
            ("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth"),
        ] {
            try extensions.write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
            try Self.run(
                openssl,
                [
                    "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                    "/CN=\(name)", "-keyout",
                    path("\(name).key"), "-out", path("\(name).csr"),
                ])
            try Self.run(
                openssl,
                [
                    "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                    "-CAcreateserial", "-days", "2", "-extfile", path("\(name).ext"), "-out", path("\(name).pem"),
                ])
        }
    }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    private static func run(_ tool: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        struct Failed: Error { var arguments: [String] }
        guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
    }
}
