import Foundation

extension StorageError {
    static func text(of code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
