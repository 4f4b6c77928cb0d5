#include "server/frontend/services.h"

namespace hauspost::frontend {

link::SessionStart session_start(const SessionContext& context, const auth::Identity* identity) {
  const ClientFacts& facts = context.client.facts();
  link::SessionStart start;
  start.session = context.id;
  start.protocol = facts.protocol;
  start.client_address = facts.address;
  start.client_port = facts.port;
  start.tls = facts.tls;
  start.tls_version = facts.tls_version;
  start.tls_cipher = facts.tls_cipher;
  start.listener = facts.listener;
  start.server_name = facts.server_name;
  if (identity != nullptr) {
    start.user = identity->address;
    start.mailbox = identity->mailbox;
    start.identity = identity->user;
    start.database = identity->database;
  }
  return start;
}

}  // namespace hauspost::frontend
