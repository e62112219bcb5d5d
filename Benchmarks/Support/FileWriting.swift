import Foundation

package func writeFully(_ file: Int32, _ bytes: UnsafeRawBufferPointer) throws {
    var sent = 0
    while sent < bytes.count {
        let count = write(file, bytes.baseAddress! + sent, bytes.count - sent)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw BenchmarkError("cannot write: \(String(cString: strerror(errno)))") }
        sent += count
    }
}
