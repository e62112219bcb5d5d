import AsyncHTTPClient
import Endpoints
import NIOCore
import NIOHTTP1

extension AWSSession {
    /// A session over the process' connections.
    init(_ configuration: AWSConfiguration, _ context: DiscoveryContext) {
        self.init(
            configuration, environment: .process,
            transport: AWSRequest.transport(context.connections.client(configuration.http)),
            metadataTransport: AWSRequest.transport(context.connections.client()))
    }
}

extension AWSRequest {
    static func transport(_ client: EndpointClient) -> AWSTransport {
        { request in
            var message = HTTPClientRequest(url: request.url)
            message.method = HTTPMethod(rawValue: request.method)
            for (name, value) in request.headers { message.headers.add(name: name, value: value) }
            if !request.body.isEmpty { message.body = .bytes(ByteBuffer(bytes: request.body)) }
            let response = try await client.collect(
                message, timeout: .milliseconds(request.timeout), limit: AWSResponse.maximumBody)
            return AWSResponse(status: Int(response.status.code), body: response.body)
        }
    }
}
