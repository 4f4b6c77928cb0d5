// A message on its way out: whatever its octets, what goes over the wire is one message with one
// end, of lines that end in CRLF, and 7-bit where the server takes no more.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "transport/send/outgoing.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

std::string wire_of(std::string_view content) {
  std::string out;
  for (const std::string_view piece : data_pieces(content)) out += piece;
  return out;
}

// What a strict server reads: lines up to CRLF, one leading dot taken off, until "." alone.
std::string read_back(std::string_view wire) {
  std::string out;
  for (;;) {
    const std::size_t end = wire.find("\r\n");
    HP_CHECK(end != wire.npos);
    std::string_view line = wire.substr(0, end);
    wire.remove_prefix(end + 2);
    if (line == ".") break;
    if (line.starts_with('.')) line.remove_prefix(1);
    out.append(line).append("\r\n");
  }
  HP_CHECK(wire.empty());
  return out;
}

void check_sent(const Outgoing& outgoing, const smtp::PeerExtensions& peer) {
  const auto prepared = prepare(outgoing, {peer, false, false});
  if (!prepared) {
    HP_CHECK(prepared.error().kind == RecipientResult::Kind::kFailed);
    return;
  }
  const std::string_view content = prepared->content(outgoing.message);
  HP_CHECK(prepared->mail.find_first_of("\r\n") == std::string::npos);
  if (prepared->chunking) return;
  const mime::ContentFacts facts = mime::scan_content(content);
  HP_CHECK(!facts.bare_line_end && !facts.nul);
  const bool eight_bit = facts.eight_bit_body || facts.eight_bit_header;
  // A header with 8-bit octets that nobody calls SMTPUTF8 goes as it came.
  HP_CHECK(peer.eight_bit_mime || !facts.eight_bit_body);
  HP_CHECK(!eight_bit || !peer.eight_bit_mime ||
           prepared->mail.find(" BODY=8BITMIME") != std::string::npos);
  std::string whole(content);
  if (!whole.empty() && !whole.ends_with("\r\n")) whole += "\r\n";
  HP_CHECK(read_back(wire_of(content)) == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned flags = data[0];
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  Envelope envelope;
  envelope.sender = "a@us.example";
  envelope.recipients = {{.address = "b@them.test"}};
  envelope.binary = (flags & 1) != 0;
  envelope.smtputf8 = (flags & 2) != 0;
  Outgoing outgoing{.envelope = envelope,
                    .message = message,
                    .facts = mime::scan_content(message),
                    .now = WallTime{},
                    .results = {}};
  outgoing.results.resize(1);
  smtp::PeerExtensions peer;
  peer.eight_bit_mime = (flags & 4) != 0;
  peer.smtputf8 = (flags & 8) != 0;
  peer.chunking = peer.binary_mime = (flags & 16) != 0;
  check_sent(outgoing, peer);
  return 0;
}
