// Replies as a client reads them (RFC 5321 section 4.2, RFC 2034): pure, bytes in, a reply out. A
// server is believed little: lines, their number and their bytes have limits, and every line must
// end in CRLF and carry the same code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/smtp/line.h"

namespace hauspost::smtp {

inline constexpr std::size_t kReplyLineMax = 4096;  // RFC 5321 section 4.5.3.1.5 asks for 512
inline constexpr std::size_t kReplyLinesMax = 128;
inline constexpr std::size_t kReplyBytesMax = 32 * 1024;
inline constexpr std::size_t kDiagnosticMax = 900;  // octets of diagnostic()

struct ReceivedReply {
  std::uint16_t code = 0;          // 200 to 599
  std::string enhanced;            // "5.1.1" of the first line, of the code's own class; else empty
  std::vector<std::string> lines;  // behind the code, the enhanced code included

  bool is_success() const { return code / 100 == 2; }
  bool is_intermediate() const { return code / 100 == 3; }
  bool is_temporary() const { return code / 100 == 4; }
  bool is_permanent() const { return code / 100 == 5; }
  // "550 5.1.1 No such user": one line of printable UTF-8 for logs and reports, cut when long. The
  // codes stand there once.
  std::string diagnostic() const;
  // `enhanced`, else what `basic` says with the reply's class: status("1.1") of 550 is "5.1.1".
  std::string status(std::string_view basic) const;
};

enum class ReplyStatus : std::uint8_t {
  kNeedMore,
  kReply,
  kMalformed,  // no reply of SMTP, or beyond the limits: close the connection
};

// One reply after the other, line by line.
class ReplyParser {
 public:
  // `scan` is a line as scan_line(input, kReplyLineMax) has it. After kReply or kMalformed the
  // next call begins a new reply.
  ReplyStatus feed(const LineScan& scan);
  // Of kReply.
  ReceivedReply take();
  // Of kMalformed: what was wrong.
  std::string_view fault() const { return fault_; }

 private:
  ReplyStatus malformed(std::string_view fault);

  ReceivedReply reply_;
  std::size_t bytes_ = 0;
  std::string_view fault_;
};

}  // namespace hauspost::smtp
