import Endpoints
import Foundation
import Telemetry
import TestSupport
import Testing
import YAMLReading

@testable import Scraping

@Suite struct KubernetesRoleTests {
    static func configuration(_ text: String) throws -> KubernetesConfiguration {
        let node = try YAMLNode.read(text, file: "/etc/shop/needletail.yml")
        return try KubernetesDiscovery.read(#require(node)).configuration
    }

    /// The groups of the first list of everything.
    private static func groups(_ text: String, _ lists: [String: String]) async throws -> [TargetGroup] {
        let discovery = KubernetesDiscovery(configuration: try configuration(text))
        let server = RecordedKubernetes(lists)
        let published = Published()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await discovery.run(
                    watchers: discovery.watchers(
                        namespaces: [nil], transport: server, timing: RecordedKubernetes.fast),
                    failed: { published.fail($0) }, update: { published.add($0) })
            }
            #expect(await published.wait { $0.count > 0 }, "\(text): \(published.errors)")
            group.cancelAll()
        }
        return published.last ?? []
    }

    private static func lists(_ pods: [String] = [RecordedKubernetes.pod("web-1")]) -> [String: String] {
        typealias Server = RecordedKubernetes
        return [
            "/api/v1/nodes": Server.list([Server.node, #"{"metadata":{}}"#, "null", "3"]),
            "/api/v1/pods": Server.list(pods), "/api/v1/services": Server.list([Server.service]),
            "/api/v1/endpoints": Server.list([Server.endpoints]),
            "/apis/discovery.k8s.io/v1/endpointslices": Server.list([
                Server.slice("web-a"), Server.slice("web-b", type: "IPv6", address: "fd00::5"),
            ]),
            "/apis/networking.k8s.io/v1/ingresses": Server.list([Server.ingress]),
            "/api/v1/namespaces": Server.list([Server.namespace]),
            "/apis/apps/v1/replicasets": Server.list([Server.owned("owner-1", by: "Deployment", "web")]),
            "/apis/batch/v1/jobs": Server.list([Server.owned("owner-1", by: "CronJob", "nightly")]),
        ]
    }

    private static let podLabels = """
        pod_annotation_prometheus_io_scrape=true | pod_annotationpresent_prometheus_io_scrape=true
        """
    private static let podRest = """
        pod_controller_kind=ReplicaSet | pod_controller_name=owner-1 | pod_host_ip=10.0.0.1 | pod_ip=10.1.0.5 | \
        pod_label_app=web | pod_labelpresent_app=true | pod_name=web-1 | pod_node_name=n1 | pod_phase=Running | \
        pod_ready=true | pod_uid=uid-1
        """

    private static func container(_ port: Int, _ name: String, identifier: String = "containerd://abc") -> String {
        (identifier.isEmpty ? "" : "pod_container_id=\(identifier) | ")
            + "pod_container_image=shop/web:1 | pod_container_init=false | pod_container_name=app | "
            + "pod_container_port_name=\(name) | pod_container_port_number=\(port) | pod_container_port_protocol=TCP"
    }

    private static let serviceLabels = """
        service_annotation_note=1 | service_annotationpresent_note=true | service_label_tier=front | \
        service_labelpresent_tier=true | service_name=web
        """

    @Test(arguments: [
        (
            "role: node", ["10.0.0.1:10255"],
            [
                "node_address_Hostname=n1.local", "node_address_InternalIP=10.0.0.1",
                "node_annotation_x=y", "node_annotationpresent_x=true", "node_condition_ready=true",
                "node_label_kubernetes_io_os=linux", "node_label_zone=a", "node_labelpresent_kubernetes_io_os=true",
                "node_labelpresent_zone=true", "node_name=n1", "node_provider_id=aws:///eu/i-1", "instance=n1",
            ]
        ),
        (
            "role: service", ["web.shop.svc:80"],
            [
                "namespace=shop", "service_annotation_note=1", "service_annotationpresent_note=true",
                "service_cluster_ip=10.96.0.7", "service_label_tier=front", "service_labelpresent_tier=true",
                "service_name=web", "service_port_name=http", "service_port_number=80", "service_port_protocol=TCP",
                "service_type=ClusterIP",
            ]
        ),
        (
            "{role: service, attach_metadata: {namespace: true}}", ["web.shop.svc:80"],
            [
                "namespace=shop", "namespace_annotation_mail=b", "namespace_annotationpresent_mail=true",
                "namespace_label_team=a", "namespace_labelpresent_team=true", "service_annotation_note=1",
                "service_annotationpresent_note=true", "service_cluster_ip=10.96.0.7", "service_label_tier=front",
                "service_labelpresent_tier=true", "service_name=web", "service_port_name=http",
                "service_port_number=80", "service_port_protocol=TCP", "service_type=ClusterIP",
            ]
        ),
        (
            "role: ingress",
            ["www.shop.example", "www.shop.example", "www.shop.example", "shop.example", ""],
            [
                "ingress_class_name=nginx", "ingress_host=www.shop.example", "ingress_name=front", "ingress_path=/",
                "ingress_scheme=https", "namespace=shop",
            ]
        ),
    ])
    func simpleRolesGiveTheirLabels(_ text: String, _ addresses: [String], _ labels: [String]) async throws {
        let groups = try await Self.groups(text, Self.lists())
        #expect(groups.flatMap(\.targets) == addresses)
        #expect(
            groups.lines(without: "__meta_kubernetes_").first == "\(addresses[0]) \(labels.joined(separator: " | "))")
    }

    @Test func podsGiveATargetForEachPort() async throws {
        let groups = try await Self.groups("role: pod", Self.lists())
        let common = "\(Self.podLabels) | %@ | \(Self.podRest)"
        #expect(
            groups.lines(without: "__meta_kubernetes_") == [
                "10.1.0.5:8080 namespace=shop | " + String(format: common, Self.container(8080, "http")),
                "10.1.0.5:9090 namespace=shop | " + String(format: common, Self.container(9090, "metrics")),
                "10.1.0.5 namespace=shop | "
                    + String(
                        format: common,
                        "pod_container_image=mesh:2 | pod_container_init=true | pod_container_name=proxy"),
            ])
        #expect(Set(groups.map(\.source)) == ["pod/shop/web-1"])
        let attached = try await Self.groups(
            "{role: pod, attach_metadata: {node: true, namespace: true, deployment: true, job: true, cronjob: true}}",
            Self.lists([
                RecordedKubernetes.pod("web-1"), RecordedKubernetes.pod("night", address: "10.1.0.9", owner: "Job"),
                RecordedKubernetes.pod("starting", address: ""),
            ]))
        func value(_ address: String, _ name: String) -> String? {
            attached.first { $0.targets == [address] }?.labels["__meta_kubernetes_\(name)"]
        }
        #expect(value("10.1.0.5:8080", "node_name") == "n1" && value("10.1.0.5:8080", "node_label_zone") == "a")
        #expect(value("10.1.0.5:8080", "node_annotation_x") == nil)
        #expect(value("10.1.0.5:8080", "namespace_label_team") == "a")
        #expect(value("10.1.0.5:8080", "pod_deployment_name") == "web")
        #expect(value("10.1.0.9:8080", "pod_job_name") == "owner-1")
        #expect(value("10.1.0.9:8080", "pod_cronjob_name") == "nightly")
        #expect(attached.count == 6)
        // A node that a selector left out takes its pods along.
        var without = Self.lists()
        without["/api/v1/nodes"] = RecordedKubernetes.list([])
        #expect(try await Self.groups("{role: pod, attach_metadata: {node: true}}", without).isEmpty)
    }

    @Test func endpointsAndSlicesJoinServicesAndPods() async throws {
        let endpoints = try await Self.groups("role: endpoints", Self.lists())
        let group = "endpoints_label_e=1 | endpoints_labelpresent_e=true | endpoints_name=web | namespace=shop"
        #expect(
            endpoints.lines(without: "__meta_kubernetes_") == [
                """
                10.1.0.5:8080 endpoint_address_target_kind=Pod | endpoint_address_target_name=web-1 | \
                endpoint_node_name=n1 | endpoint_port_name=http | endpoint_port_protocol=TCP | endpoint_ready=true | \
                \(group) | \(Self.podLabels) | \(Self.container(8080, "http", identifier: "")) | \(Self.podRest) | \
                \(Self.serviceLabels)
                """,
                """
                10.1.0.6:8080 endpoint_hostname=h6 | endpoint_port_name=http | endpoint_port_protocol=TCP | \
                endpoint_ready=false | \(group) | \(Self.serviceLabels)
                """,
                """
                10.1.0.5:9090 \(group) | \(Self.podLabels) | \(Self.container(9090, "metrics", identifier: "")) | \
                \(Self.podRest) | \(Self.serviceLabels)
                """,
            ])
        let slices = try await Self.groups("{role: endpointslice, attach_metadata: {node: true}}", Self.lists())
        let node = """
            node_label_kubernetes_io_os=linux | node_label_zone=a | node_labelpresent_kubernetes_io_os=true | \
            node_labelpresent_zone=true | node_name=n1
            """
        let slice = """
            endpointslice_label_kubernetes_io_service_name=web | \
            endpointslice_labelpresent_kubernetes_io_service_name=true | endpointslice_name=web-a
            """
        #expect(
            slices.lines(without: "__meta_kubernetes_") == [
                """
                10.1.0.5:8080 endpointslice_address_target_kind=Pod | endpointslice_address_target_name=web-1 | \
                endpointslice_address_type=IPv4 | endpointslice_endpoint_conditions_ready=true | \
                endpointslice_endpoint_conditions_serving=true | endpointslice_endpoint_conditions_terminating=false | \
                endpointslice_endpoint_hostname=h | endpointslice_endpoint_node_name=n1 | \
                endpointslice_endpoint_topology_present_topo_x=true | endpointslice_endpoint_topology_topo_x=v | \
                endpointslice_endpoint_zone=eu-1a | \(slice) | endpointslice_port=8080 | \
                endpointslice_port_app_protocol=http | endpointslice_port_name=http | \
                endpointslice_port_protocol=TCP | namespace=shop | \(node) | \(Self.podLabels) | \
                \(Self.container(8080, "http", identifier: "")) | \(Self.podRest) | \(Self.serviceLabels)
                """,
                """
                10.1.0.5:9090 endpointslice_address_type=IPv4 | \(slice) | namespace=shop | \(Self.podLabels) | \
                \(Self.container(9090, "metrics", identifier: "")) | \(Self.podRest) | \(Self.serviceLabels)
                """,
            ])
    }

    @Test func hostsMatchWildcards() {
        for (pattern, host, isMatch) in [
            ("a.b", "a.b", true), ("*.b", "a.b", true), ("*.b", "b", false), ("*.b", "x.a.b", false),
            ("a.*", "a.b", false), ("", "", true), ("*", "a", true),
        ] {
            #expect(KubernetesTargets.matches(pattern: pattern, host: host) == isMatch, "\(pattern) \(host)")
        }
    }

    @Test func configurationsAreReadAndMistakesAreNamed() throws {
        let read = try Self.configuration(
            """
            {role: endpoints, api_server: 'https://k:6443/', namespaces: {names: [a, b]},
            selectors: [{role: pod, label: 'app=x', field: 'status.phase=Running'}, {role: service, label: s}],
            attach_metadata: {node: true}, authorization: {credentials: t}}
            """)
        #expect(read.namespaces == ["a", "b"] && read.attached.node && !read.attached.namespace)
        #expect(read.selectors[.pod] == .init(label: "app=x", field: "status.phase=Running"))
        #expect(try KubernetesCluster.resolve(read, variables: [:]).address == "https://k:6443")
        for (text, reason) in [
            ("{}", "role missing"), ("{role: gateway}", "unknown Kubernetes SD role \"gateway\""),
            ("{role: pod, selectors: [{role: service}]}", "pod role supports only pod, node selectors"),
            ("{role: pod, selectors: [{role: pod}, {role: pod}]}", "duplicated selector role: pod"),
            ("{role: pod, api_server: 'http://a', kubeconfig_file: b}", "simultaneously"),
            ("{role: pod, bearer_token: x}", "please provide the 'api_server' URL explicitly"),
            ("{role: pod, kubeconfig_file: a, bearer_token: x}", "together with 'kubeconfig_file'"),
            ("{role: pod, api_server: 'http://a', namespaces: {own_namespace: true}}", "own_namespace"),
            ("{role: pod, namespaces: {names: ['../secrets']}}", "is not the name of a namespace"),
            ("{role: pod, api_server: 'kube'}", "is not an address"),
        ] {
            let error = #expect(throws: YAMLError.self, "\(text)") { try Self.configuration(text) }
            #expect(error?.description.contains(reason) == true, "\(text): \(error.map { "\($0)" } ?? "")")
        }
        let account = KubernetesCluster.accountFolder
        let own = try Self.configuration("{role: pod, namespaces: {own_namespace: true, names: [other]}}")
        let cluster = try KubernetesCluster.resolve(
            own, variables: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"],
            readFile: { $0 == "\(account)/namespace" ? "mine\n" : nil })
        #expect(cluster.address == "https://[fd00::1]:443" && cluster.namespaces(own) == ["other", "mine"])
        #expect(cluster.http.credentials == .header(type: "Bearer", credentials: .file("\(account)/token")))
        #expect(throws: KubernetesFailure.self) { try KubernetesCluster.resolve(own, variables: [:]) }
    }

    @Test func kubeconfigsAreRead() throws {
        let text = """
            apiVersion: v1
            kind: Config
            current-context: here
            contexts: [{name: there, context: {cluster: b}}, {name: here, context: {cluster: c, user: u}}]
            clusters:
            - name: c
              cluster: {server: "https://k:6443/", certificate-authority: ca.pem, tls-server-name: kube}
            users:
            - name: u
              user: {client-certificate-data: Y2VydA==, client-key: /key.pem, token: t0}
            """
        func resolve(_ text: String) throws -> KubernetesCluster {
            try KubernetesCluster.resolve(
                try Self.configuration("{role: pod, kubeconfig_file: kube/config}"),
                readFile: { $0 == "/etc/shop/kube/config" ? text : nil })
        }
        let cluster = try resolve(text)
        #expect(cluster.address == "https://k:6443")
        #expect(cluster.http.credentials == .header(type: "Bearer", credentials: .text("t0")))
        #expect(cluster.http.tls.authorities == .file("/etc/shop/kube/ca.pem") && cluster.http.tls.serverName == "kube")
        #expect(cluster.http.tls.certificate == .text("cert") && cluster.http.tls.key == .file("/key.pem"))
        for (from, to, reason) in [
            ("current-context: here", "current-context: gone", "there is no context \"gone\""),
            ("user: u}", "user: v}", "there is no user \"v\""),
            ("token: t0", "exec: {command: x}", "exec is not supported"),
            ("server: \"https://k:6443/\"", "server: \"\"", "has no server address"),
            ("Y2VydA==", "'???'", "is not base64"), ("current-context: here", "x: y", "current-context is not set"),
        ] {
            let error = #expect(throws: YAMLError.self, "\(to)") {
                try resolve(text.replacingOccurrences(of: from, with: to))
            }
            #expect(error?.description.contains(reason) == true, "\(to): \(error.map { "\($0)" } ?? "")")
        }
    }
}
