// Mechanisms without a password: OAUTHBEARER (RFC 7628), XOAUTH2 (what its clients call the same
// thing) and EXTERNAL (RFC 4422 appendix A). Pure.
#pragma once

#include "protocols/sasl/mechanism.h"

namespace hauspost::sasl {

inline constexpr std::size_t kTokenMax = 8 * 1024;  // octets of a bearer token

// RFC 7628 section 3.1: GS2 header with an optional authzid, then key=value pairs between ^A, of
// which "auth" is "Bearer TOKEN". nullopt: anything else, channel binding asked for (this mechanism
// has none), or beyond the limits. Credentials::name is the authzid, empty when there is none.
std::optional<Credentials> parse_oauthbearer(std::string_view message);
// "user=" NAME ^A "auth=Bearer " TOKEN ^A ^A. The name may be empty.
std::optional<Credentials> parse_xoauth2(std::string_view message);
// The authzid, or nothing: then the certificate alone says who it is.
std::optional<Credentials> parse_external(std::string_view message);

// "OAUTHBEARER", "XOAUTH2", "EXTERNAL" in any case; null for every other name. Whether they are
// offered is the caller's to know: see Exchange::create.
std::unique_ptr<Mechanism> make_token_mechanism(std::string_view name);

// True for the two that end a refusal with a challenge (RFC 7628 section 3.2.3): the server sends
// its error as one, and answers what the client sends then with the refusal.
bool is_bearer_mechanism(std::string_view name);
bool is_external_mechanism(std::string_view name);

}  // namespace hauspost::sasl
