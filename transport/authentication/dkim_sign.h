// Signing: what is put in front of a message that leaves (RFC 6376 section 5).
#pragma once

#include "transport/authentication/dkim_verify.h"
#include "transport/authentication/signing_keys.h"

namespace hauspost::mailauth {

// The fields that are signed, in the order of h=. The first names are signed once more than they
// occur, so that none can be added (section 8.15).
std::vector<std::string> names_to_sign(const MessageParts& parts);

// A DKIM-Signature field, relaxed/relaxed, with its CRLF. `body_hash` is that of the relaxed body.
std::string dkim_field(const MessageParts& parts, const SigningKey& key, std::string_view body_hash,
                       std::int64_t now_s);

// As check_key() checks it.
std::string sign_with(const SigningKey& key, std::string_view data);

// "h=...;" on lines of its own.
void append_signed_names(std::string& field, const std::vector<std::string>& names);

// `field` up to "b=" and the signature behind it, folded, with the last CRLF.
std::string with_signature(std::string field, std::string_view signature);

}  // namespace hauspost::mailauth
