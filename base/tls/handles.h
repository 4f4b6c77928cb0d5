// Owning pointers to BoringSSL's objects, and its error queue as our Error. Private to base/tls.
#pragma once

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string_view>

#include "base/result.h"

namespace hauspost::tls {

// Takes the oldest entry of this thread's error queue and empties it.
Error library_error(ErrorCode code, std::string_view what);

}  // namespace hauspost::tls
