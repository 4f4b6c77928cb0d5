// Who signs what we write.
#pragma once

#include <string>
#include <string_view>

#include "transport/directory.h"

namespace hauspost::transport {

// postmaster@ the nearest accepted domain at or above our host name; at the host name itself when
// none is.
inline std::string postmaster_address(const Directory& directory, std::string_view hostname) {
  for (std::string_view domain = hostname;;) {
    if (directory.is_accepted_domain(domain).value_or(false))
      return "postmaster@" + std::string(domain);
    const std::size_t dot = domain.find('.');
    if (dot == std::string_view::npos) return "postmaster@" + std::string(hostname);
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace hauspost::transport
