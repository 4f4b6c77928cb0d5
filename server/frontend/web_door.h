// WebDoor: HTTP needs nobody to be known in front. The back-end, hauspost-web, gets the connection
// with the client's first byte.
#pragma once

#include "server/frontend/services.h"

namespace hauspost::frontend {

class WebDoor {
 public:
  WebDoor(const Services& services, const SessionContext& context)
      : services_(services), context_(context) {}

  // nullopt: the session is over, what the client had to be told was written; reason() says why.
  Task<std::optional<Handover>> run();
  std::string_view reason() const { return reason_; }

 private:
  const Services& services_;
  const SessionContext& context_;
  std::string_view reason_;
};

}  // namespace hauspost::frontend
