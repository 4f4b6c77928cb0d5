// Secrets of transport: one file each below DATA/secrets/transport (folder 0700, files 0600). The
// supervisor writes them; hauspost-transport reads them; nobody else does.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"

namespace hauspost::child {

inline constexpr std::size_t kTransportSecretMax = 64 * 1024;  // octets

// What signs rewritten reverse-paths: lines of transport/resolve/srs.h, the first signs.
inline constexpr std::string_view kSrsSecretName = "srs";

std::string transport_secrets_folder(const std::string& data_root);

// `name`: letters, digits, '-', '_' and '.', not first. All of these block. Whole and durable when
// it returns, or as before.
Result<> write_transport_secret(const std::string& data_root, std::string_view name,
                                const Secret& secret);
// kNotFound: it was never written.
Result<Secret> read_transport_secret(const std::string& data_root, std::string_view name);
// One that is not there is removed already.
Result<> remove_transport_secret(const std::string& data_root, std::string_view name);

// The file of a send connector's password; connectors of one name in any case have one.
std::string send_password_name(std::string_view connector);

}  // namespace hauspost::child
