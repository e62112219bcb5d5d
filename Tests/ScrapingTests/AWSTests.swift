import Foundation
import Telemetry
import TestSupport
import Testing
import YAMLReading

@testable import Scraping

@Suite struct AWSTests {
    @Test func signaturesAreThoseOfTheReference() throws {
        struct Case {
            var method = "POST"
            var url: String
            var headers: [(String, String)] = []
            var body = ""
            var token: String?
            var region = "us-east-1"
            var service = "service"
            var signature: String
        }
        // The first and the third come from the published test suite, the others from botocore.
        let cases = [
            Case(
                method: "GET", url: "https://example.amazonaws.com/",
                signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            Case(
                url: "https://ec2.eu-central-1.amazonaws.com/",
                headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
                body: "Action=DescribeInstances&Version=2016-11-15", region: "eu-central-1", service: "ec2",
                signature: "207d2af5ff6dd34b9329daa1e260986295dc2e518f23d507815fbaed29eb8960"),
            Case(
                url: "https://example.amazonaws.com:443",
                signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            Case(
                url: "http://127.0.0.1:5000/",
                headers: [
                    ("Content-Type", "application/x-amz-json-1.1"),
                    ("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters"),
                ],
                body: #"{"maxResults":100}"#, token: "TOKEN/with=signs", region: "us-west-2", service: "ecs",
                signature: "f4bbc98de5f121d06a242774ec8dc49a61479dc28df2993f3ffad44ec326635d"),
            Case(
                method: "GET", url: "https://example.amazonaws.com/a%20b/c?Param2=value2&Param1=a%20b&empty",
                signature: "843de10f6e6bd6ac04b9b897def588d87df32ad8296dca7429d20292f945bd65"),
        ]
        for one in cases {
            var request = AWSRequest(method: one.method, url: one.url)
            request.headers = one.headers.map { (name: $0.0, value: $0.1) }
            request.body = Array(one.body.utf8)
            let credentials = AWSCredentials(
                accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                sessionToken: one.token)
            try AWSSignature(credentials: credentials, region: one.region, service: one.service)
                .sign(&request, at: 1_440_938_160)
            #expect(request.header("X-Amz-Date") == "20150830T123600Z")
            #expect(request.header("X-Amz-Security-Token") == one.token)
            let authorization = try #require(request.header("Authorization"))
            #expect(authorization.hasSuffix("Signature=\(one.signature)"), "\(one.url): \(authorization)")
        }
        var request = AWSRequest(method: "GET", url: "ftp://x")
        let credentials = AWSCredentials(accessKey: "a", secretKey: "b")
        #expect(throws: AWSFailure.self) {
            try AWSSignature(credentials: credentials, region: "r", service: "s").sign(&request, at: 0)
        }
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
        ] as [(Int64, String)] {
            #expect(AWSTime.parse(text) == seconds)
            #expect(AWSTime.compact(seconds) == text.filter { $0 != "-" && $0 != ":" })
        }
        #expect(AWSTime.parse("2015-08-30T12:36:00.123Z") == 1_440_938_160)
        for odd in ["", "Z", "2015-08-30", "2015-08-30T12:36:00+02:00", "2015-13-30T12:36:00Z", "x015-08-30T12:36:00Z"]
        {
            #expect(AWSTime.parse(odd) == nil)
        }
    }

    @Test func xmlIsReadAndWhatIsNotIsRefused() throws {
        let read = try AWSXMLReader.read(
            Array(
                """
                \u{feff}<?xml version="1.0"?><!-- > --><ns:a x="1>2" y='"'> one <b/><c>&lt;&#65;&#x1F600;&amp;</c> two
                <c><![CDATA[<&>]]></c></ns:a>

                """.utf8))
        #expect(read.name == "a" && read.text == "one  two")
        #expect(read.children.map(\.name) == ["b", "c", "c"])
        #expect(read.children.map(\.text) == ["", "<A😀&", "<&>"])
        #expect(read.value("b") == nil && read.value("d", "e") == nil && read.value("c") == "<A😀&")
        let odd: [(String, String)] = [
            ("", "there is no element"), ("text", "outside"), ("<a>", "not closed"), ("<a></b>", "not open"),
            ("<a/><b/>", "second root"), ("<a>&unknown;</a>", "no entity"), ("<a>&amp</a>", "not closed"),
            ("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document type"), ("<a b=\"></a>", "not closed"),
            ("<a>&#xD800;</a>", "no entity"), ("<a>&#99999999999;</a>", "not closed"), ("<>", "name"), ("<", "name"),
            ("</a>", "not open"), ("<a <b/></a>", "not closed"), ("<![CDATA[x]]>", "outside"), ("<!--", "-->"),
            (String(repeating: "<a>", count: 100), "nested"),
        ]
        for (text, reason) in odd {
            let error = #expect(throws: AWSXMLError.self, "\(text)") { try AWSXMLReader.read(Array(text.utf8)) }
            #expect(error?.message.contains(reason) == true, "\(text): \(error.map { "\($0)" } ?? "")")
        }
    }

    @Test func keysAreFoundInTheOrderOfTheSDKs() async throws {
        let files = [
            "/home/a/.aws/credentials": """
            # comment
            [default]
            aws_access_key_id = DEFAULT
            aws_secret_access_key=s1 # not the secret
            [keys]
            aws_access_key_id = KEYS
            aws_secret_access_key = s2
            """,
            "/home/a/.aws/config": """
            [default]
            region = eu-west-3
            [profile keys]
            region=us-west-2
            s3 =
              max_concurrent_requests = 20
            [profile assumed]
            role_arn = arn:aws:iam::1:role/p
            source_profile = keys
            external_id = e1
            [profile circle]
            role_arn = arn:aws:iam::1:role/p
            source_profile = circle2
            [profile circle2]
            role_arn = arn:aws:iam::1:role/p
            source_profile = circle
            [profile sso]
            sso_session = x
            [sso-session x]
            """,
            "/token": "TOKEN\n",
        ]
        struct Case {
            var change: @Sendable (inout AWSConfiguration) -> Void = { _ in }
            var variables: [String: String] = [:]
            var key: String
            var region = "eu-central-1"
            var asked: [String] = []
        }
        let web = ["AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:web", "AWS_REGION": "eu-central-1"]
        let cases = [
            Case(
                change: {
                    $0.accessKey = "CONFIGURED"
                    $0.secretKey = "s"
                    $0.region = "eu-central-1"
                }, variables: ["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"], key: "CONFIGURED"),
            Case(
                variables: [
                    "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s", "HOME": "/home/a", "AWS_REGION": "r-1",
                ], key: "ENV", region: "r-1"),
            Case(variables: ["HOME": "/home/a"], key: "DEFAULT", region: "eu-west-3"),
            Case(
                change: { $0.profile = "keys" },
                variables: ["HOME": "/home/a", "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"], key: "KEYS",
                region: "us-west-2"),
            Case(
                variables: ["HOME": "/home/a", "AWS_PROFILE": "assumed", "AWS_DEFAULT_REGION": "eu-central-1"],
                key: "ASSUMED-arn:aws:iam::1:role/p-e1", asked: ["AssumeRole"]),
            Case(
                change: {
                    $0.roleARN = "arn:r"
                    $0.externalID = "x2"
                    $0.region = "cn-north-1"
                }, variables: ["HOME": "/home/a"], key: "ASSUMED-arn:r-x2", region: "cn-north-1", asked: ["AssumeRole"]),
            Case(variables: web, key: "ASSUMED-arn:web-TOKEN", asked: ["AssumeRoleWithWebIdentity"]),
            Case(
                variables: [
                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "auth",
                    "AWS_REGION": "eu-central-1",
                ], key: "CONTAINER-auth", asked: ["GET /v2/x"]),
            Case(
                key: "INSTANCE", region: "ap-south-1",
                asked: [
                    "PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
                    "GET /latest/meta-data/iam/security-credentials/my-role", "PUT /latest/api/token",
                    "GET /latest/meta-data/placement/region",
                ]),
        ]
        for one in cases {
            let aws = RecordedAWS(Self.identityServices)
            var configuration = AWSConfiguration()
            one.change(&configuration)
            let source = AWSCredentialSource(
                configuration: configuration, environment: aws.environment(one.variables, files, 0),
                transport: aws.transport, metadataTransport: aws.transport)
            let found = try await source.credentials()
            #expect(found.accessKey == one.key)
            #expect(try await source.region() == one.region)
            #expect(aws.actions == one.asked, "\(one.key)")
            #expect(!"\(found)".contains(found.secretKey))
        }
        let failures: [(variables: [String: String], reason: String)] = [
            (["AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "r"], "no AWS credentials found"),
            (["HOME": "/home/a", "AWS_PROFILE": "nobody"], "no profile \"nobody\""),
            (["HOME": "/home/a", "AWS_PROFILE": "circle", "AWS_REGION": "r"], "circle"),
            (["HOME": "/home/a", "AWS_PROFILE": "sso"], "sso_session"),
            (["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"], "must be https"),
        ]
        for (variables, reason) in failures {
            let aws = RecordedAWS(Self.identityServices)
            let source = AWSCredentialSource(
                configuration: AWSConfiguration(), environment: aws.environment(variables, files, 0),
                transport: aws.transport, metadataTransport: aws.transport)
            let error = await #expect(throws: AWSFailure.self) { try await source.credentials() }
            #expect(error.map { "\($0)".contains(reason) } == true, "\(reason): \(error.map { "\($0)" } ?? "")")
        }
    }

    /// STS, the container's address and the instance's metadata.
    private static let identityServices: RecordedAWS.Answer = { request, form in
        switch RecordedAWS.action(request) {
        case let action where action.hasPrefix("AssumeRole"):
            let key = "ASSUMED-\(form["RoleArn"] ?? "")-\(form["ExternalId"] ?? form["WebIdentityToken"] ?? "")"
            return RecordedAWS.ok(
                """
                <\(action)Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><\(action)Result><Credentials>
                <AccessKeyId>\(key)</AccessKeyId><SecretAccessKey>sts-secret</SecretAccessKey>
                <SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
                </\(action)Result></\(action)Response>
                """)
        case "GET /v2/x":
            let key = "CONTAINER-\(request.header("Authorization") ?? "")"
            return RecordedAWS.ok(#"{"AccessKeyId":"\#(key)","SecretAccessKey":"sec","Token":"t"}"#)
        case "PUT /latest/api/token": return RecordedAWS.ok("metadata-token")
        case _ where request.header("X-aws-ec2-metadata-token") != "metadata-token": return nil
        case "GET /latest/meta-data/iam/security-credentials/": return RecordedAWS.ok("my-role\n")
        case "GET /latest/meta-data/iam/security-credentials/my-role":
            return RecordedAWS.ok(
                #"{"Code":"Success","AccessKeyId":"INSTANCE","SecretAccessKey":"sec","Expiration":"2100-01-01T00:00:00Z"}"#
            )
        case "GET /latest/meta-data/placement/region": return RecordedAWS.ok("ap-south-1")
        default: return nil
        }
    }

    @Test func configurationsAreReadAndMistakesAreNamed() throws {
        func read(_ text: String) throws -> any TargetDiscovery {
            let node = try #require(try YAMLNode.read(text, file: "t"))
            return text.contains("role:") ? try AWSDiscovery.read(node) : try EC2Discovery.read(node)
        }
        let ec2 = try #require(
            try read("{region: eu-central-1, port: 9100, refresh_interval: 5m, filters: [{name: a, values: [b, c]}]}")
                as? EC2Discovery)
        #expect(ec2.configuration.port == 9100 && ec2.refreshInterval == 300_000)
        #expect(ec2.filters == [EC2Filter(name: "a", values: ["b", "c"])])
        let ecs = try #require(try read("{role: ecs, endpoint: 'http://h:1', clusters: [c]}") as? ECSDiscovery)
        #expect(ecs.configuration.port == 80 && ecs.clusters == ["c"] && ecs.refreshInterval == 60_000)
        #expect(try read("role: ec2").kind == "ec2")
        for (text, reason) in [
            ("{role: rds}", "role \"rds\" is not supported: ec2 and ecs are"), ("{role: s3}", "unknown AWS SD role"),
            ("{role: ecs, access_key: a}", "go together"), ("{region: 'a/b'}", "is not a region"),
            ("{filters: [{name: a, values: []}]}", "filter values cannot be empty"), ("{port: 99999}", "is not a port"),
            ("{endpoint: 'http://'}", "is not an address"), ("{regoin: x}", "did you mean \"region\"?"),
        ] {
            let error = #expect(throws: YAMLError.self, "\(text)") { try read(text) }
            #expect(error?.description.contains(reason) == true, "\(text): \(error.map { "\($0)" } ?? "")")
        }
    }
}
