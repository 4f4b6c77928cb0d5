// Frame headers, SessionStart and SessionRefused: any bytes have an answer, and what parses prints
// and parses to the same again.
#include "base/check.h"
#include "base/link/session_link.h"

using namespace hauspost;
using namespace hauspost::link;

namespace {

void fuzz_header(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return;
  const auto header = parse_frame_header(bytes.substr(0, kFrameHeaderBytes), kSessionPayloadMax);
  if (!header) return;
  HP_CHECK(header->length <= kSessionPayloadMax);
  std::string printed;
  put_frame_header(printed, *header);
  HP_CHECK(printed == bytes.substr(0, kFrameHeaderBytes));
}

void fuzz_session_start(std::string_view bytes) {
  const auto start = session_start_from_wire(bytes);
  if (!start) return;
  const std::string printed = to_wire(*start);
  const auto again = session_start_from_wire(printed);
  HP_CHECK(again.has_value());
  HP_CHECK(to_wire(*again) == printed);
}

void fuzz_session_refused(std::string_view bytes) {
  const auto refused = session_refused_from_wire(bytes);
  if (!refused) return;
  const auto again = session_refused_from_wire(to_wire(*refused));
  HP_CHECK(again && again->code == refused->code && again->text == refused->text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz_header(bytes);
  fuzz_session_start(bytes);
  fuzz_session_refused(bytes);
  return 0;
}
