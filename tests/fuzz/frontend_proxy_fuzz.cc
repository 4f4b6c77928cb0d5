// PROXY headers: whatever a proxy sends, however it is cut, means one thing, and no byte behind the
// header is asked for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/frontend/proxy_header.h"

using hauspost::frontend::parse_proxy_header;
using hauspost::frontend::ProxyParse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyParse whole = parse_proxy_header(bytes);
  if (whole.status == ProxyParse::Status::kHeader && whole.bytes > size) std::abort();
  std::size_t have = 0;
  for (;;) {
    const ProxyParse step = parse_proxy_header(bytes.substr(0, have));
    if (step.status == ProxyParse::Status::kNeedMore) {
      if (step.bytes <= have) std::abort();
      if (step.bytes > size) return 0;
      // Never beyond the end of the header.
      if (whole.status == ProxyParse::Status::kHeader && step.bytes > whole.bytes) std::abort();
      have = step.bytes;
      continue;
    }
    if (step.status != whole.status) std::abort();
    if (step.status == ProxyParse::Status::kHeader &&
        (step.bytes != whole.bytes || step.header.address != whole.header.address ||
         step.header.port != whole.header.port)) {
      std::abort();
    }
    return 0;
  }
}
