#include "server/auth/stored_credentials.h"

#include "server/auth/stored.pb.h"

namespace hauspost::auth {

namespace {

void to_message(const ScramKeySet& keys, stored::ScramKeys& message) {
  message.set_stored_key_sha_256(keys.sha_256.stored_key);
  message.set_server_key_sha_256(keys.sha_256.server_key);
  message.set_stored_key_sha_1(keys.sha_1.stored_key);
  message.set_server_key_sha_1(keys.sha_1.server_key);
}

ScramKeySet from_message(const stored::ScramKeys& message) {
  return {{message.stored_key_sha_256(), message.server_key_sha_256()},
          {message.stored_key_sha_1(), message.server_key_sha_1()}};
}

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "auth: a stored credential does not parse");
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

std::string to_stored(const Scram& scram) {
  stored::Scram message;
  message.set_salt(scram.salt);
  message.set_iterations(scram.iterations);
  to_message(scram.password, *message.mutable_password());
  return message.SerializeAsString();
}

Result<Scram> scram_from_stored(std::string_view bytes) {
  stored::Scram message;
  if (!parse(message, bytes) || message.salt().empty() || message.iterations() == 0)
    return damaged();
  return Scram{message.salt(), message.iterations(), from_message(message.password())};
}

std::string to_stored(const AppPassword& password) {
  stored::AppPassword message;
  message.set_name(password.name);
  message.set_tag(password.tag);
  to_message(password.scram, *message.mutable_scram());
  message.set_imap(password.protocols.imap);
  message.set_pop3(password.protocols.pop3);
  message.set_smtp(password.protocols.smtp);
  message.set_created_s(password.created_s);
  message.set_used_s(password.used_s);
  message.set_used_from(password.used_from);
  return message.SerializeAsString();
}

Result<AppPassword> app_password_from_stored(std::uint64_t id, std::string_view bytes) {
  stored::AppPassword message;
  if (!parse(message, bytes) || message.name().empty() || message.tag().empty()) return damaged();
  return AppPassword{.id = id,
                     .name = message.name(),
                     .tag = message.tag(),
                     .scram = from_message(message.scram()),
                     .protocols = {message.imap(), message.pop3(), message.smtp()},
                     .created_s = message.created_s(),
                     .used_s = message.used_s(),
                     .used_from = message.used_from()};
}

}  // namespace hauspost::auth
