// The one answer to every log-in that is refused.
#pragma once

#include <catch2/catch.hpp>

#include "server/auth/auth_service.h"

namespace hauspost::auth {

template <class T>
void check_denied(const Result<T>& result) {
  REQUIRE_FALSE(result);
  CHECK(result.error().code == ErrorCode::kDenied);
  CHECK(result.error().text == kDeniedText);
}

}  // namespace hauspost::auth
