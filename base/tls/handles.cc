#include "base/tls/handles.h"

#include <openssl/err.h>

namespace hauspost::tls {

Error library_error(ErrorCode code, std::string_view what) {
  std::string text(what);
  if (const std::uint32_t entry = ERR_get_error(); entry != 0) {
    const char* reason = ERR_reason_error_string(entry);
    text += ": ";
    text += reason != nullptr ? reason : "unknown reason";
  }
  ERR_clear_error();
  return Error{code, std::move(text)};
}

}  // namespace hauspost::tls
