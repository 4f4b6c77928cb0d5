// Replies of a server: any bytes have an answer, and how they are cut into reads changes nothing.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "protocols/smtp/peer_extensions.h"
#include "protocols/smtp/received_reply.h"

using namespace hauspost;
using namespace hauspost::smtp;

namespace {

void check_reply(const ReceivedReply& reply) {
  HP_CHECK(reply.code >= 200 && reply.code <= 599);
  HP_CHECK(!reply.lines.empty() && reply.lines.size() <= kReplyLinesMax);
  const std::string diagnostic = reply.diagnostic();
  HP_CHECK(diagnostic.size() <= kDiagnosticMax + 3 && is_valid_utf8(diagnostic));
  HP_CHECK(diagnostic.find_first_of("\r\n") == std::string::npos);
  HP_CHECK(reply.status("0.0").front() == diagnostic.front());
  if (reply.is_success()) {
    const PeerExtensions peer = parse_extensions(reply);
    HP_CHECK(!peer.binary_mime || peer.chunking);
  }
}

// Feeds `input` in pieces of `step` octets; the codes of the replies, 0 for what is none.
std::vector<unsigned> codes(std::string_view input, std::size_t step) {
  std::vector<unsigned> out;
  ReplyParser parser;
  std::string buffer;
  while (!input.empty()) {
    const std::size_t count = std::min(step, input.size());
    buffer += input.substr(0, count);
    input.remove_prefix(count);
    for (;;) {
      const LineScan scan = scan_line(buffer, kReplyLineMax);
      if (scan.status == LineStatus::kNeedMore) break;
      const ReplyStatus status = parser.feed(scan);
      buffer.erase(0, scan.consumed);
      if (status == ReplyStatus::kMalformed) {
        HP_CHECK(!parser.fault().empty());
        out.push_back(0);
      }
      if (status == ReplyStatus::kReply) {
        const ReceivedReply reply = parser.take();
        check_reply(reply);
        out.push_back(reply.code);
      }
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  HP_CHECK(codes(input, input.size() + 1) == codes(input, 1));
  return 0;
}
