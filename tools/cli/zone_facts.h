// The facts that DNS records are made of, asked of the server and of this machine.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/context.h"
#include "tools/cli/dns_records.h"

namespace hauspost::cli {

// Addresses of this machine that are not loopback or link-local, as text.
std::vector<std::string> machine_addresses();
// Whether the world could reach it: not private, shared, documentation, loopback or link-local.
bool is_public_address(const std::string& address);
// Where mail comes in: the addresses that "smtp" is bound to; of wildcards those of the machine.
std::vector<std::string> listening_addresses(const admin::StatusReply& status);

// Asks the server for all of it.
Outcome<ZoneFacts> zone_facts(Context& context);

// The whole text of a file; kNotFound, kDenied.
Result<std::string> file_text(const std::string& path);

}  // namespace hauspost::cli
