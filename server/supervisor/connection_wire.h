// What `imap set` and `pop3 set` have in common: where mail programs are told to connect. Included
// by .cc files alone.
#pragma once

#include "server/directory/client_settings.h"
#include "server/directory/writer.h"

namespace hauspost::admin {
class ConnectionSettings;
}

namespace hauspost::supervisor {

// Null: stays as it is. kInvalid, with nothing changed: not such a setting, or nothing listens
// there.
Result<> set_connections(directory::DirectoryWriter& writer, std::string_view protocol,
                         const admin::ConnectionSettings* external,
                         const admin::ConnectionSettings* internal, bool dry_run);
std::vector<std::string> connection_texts(const directory::DirectoryReader& reader,
                                          std::string_view protocol, directory::Side side);

// Of a request that was tried without being carried out, too: what it says is shown.
template <class Request, class Settings>
void show_connections(const directory::DirectoryReader& reader, std::string_view protocol,
                      const Request* request, Settings& out) {
  for (std::string& one : connection_texts(reader, protocol, directory::Side::kExternal))
    out.add_external(std::move(one));
  for (std::string& one : connection_texts(reader, protocol, directory::Side::kInternal))
    out.add_internal(std::move(one));
  if (request == nullptr || !request->dry_run()) return;
  if (request->has_external()) *out.mutable_external() = request->external().settings();
  if (request->has_internal()) *out.mutable_internal() = request->internal().settings();
}

}  // namespace hauspost::supervisor
