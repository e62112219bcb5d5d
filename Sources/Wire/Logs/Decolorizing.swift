/// Takes escape sequences for colours and the like (`ESC [ … letter`) out of text.
package enum Decolorizing {
    package static func remove(from text: inout [UInt8]) {
        guard text.contains(0x1b) else { return }
        var kept = 0
        var index = 0
        while index < text.count {
            if text[index] == 0x1b, index + 1 < text.count, text[index + 1] == UInt8(ascii: "[") {
                var end = index + 2
                while end < text.count, !(0x40...0x7e).contains(text[end]) { end += 1 }
                index = min(end + 1, text.count)
            } else {
                text[kept] = text[index]
                kept += 1
                index += 1
            }
        }
        text.removeLast(text.count - kept)
    }
}
