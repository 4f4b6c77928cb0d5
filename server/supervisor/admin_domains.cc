#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/names.h"
#include "server/supervisor/admin_service.h"

namespace hauspost::supervisor {

namespace {

using directory::DomainType;

constexpr std::pair<DomainType, std::string_view> kTypes[] = {
    {DomainType::kAuthoritative, "authoritative"},
    {DomainType::kInternalRelay, "internal-relay"},
    {DomainType::kExternalRelay, "external-relay"}};

std::string type_word(DomainType type) {
  for (const auto& [known, word] : kTypes) {
    if (known == type) return std::string(word);
  }
  return {};
}

Result<DomainType> type_named(const std::string& name) {
  for (const auto& [type, word] : kTypes) {
    if (word == name) return type;
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("no type of domain is named \"{}\"; there are authoritative, "
                          "internal-relay and external-relay",
                          escape_for_log(name)));
}

Result<admin::Domain> describe(const directory::DirectoryReader& reader,
                               const directory::DomainEntry& entry) {
  admin::Domain out;
  out.set_name(entry.name);
  TRY_ASSIGN(const std::uint64_t addresses, reader.address_count(entry.name));
  out.set_addresses(addresses);
  out.set_type(type_word(entry.type));
  out.set_subdomains(entry.subdomains);
  out.set_catch_all(entry.catch_all);
  out.set_plus_addressing(entry.plus_addressing);
  out.set_srs(entry.srs);
  return out;
}

}  // namespace

Task<Result<admin::DomainAddReply>> AdminService::domain_add(admin::DomainAddRequest request) {
  CO_TRY_ASSIGN(const auto domain, supervisor_.directory().add_domain(request.name()));
  admin::DomainAddReply reply;
  CO_TRY_ASSIGN(*reply.mutable_domain(),
                supervisor::describe(supervisor_.directory().reader(), domain));
  co_return reply;
}

Task<Result<admin::DomainListReply>> AdminService::domain_list(admin::DomainListRequest) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  CO_TRY_ASSIGN(const auto domains, reader.domains());
  admin::DomainListReply reply;
  for (const directory::DomainEntry& domain : domains) {
    CO_TRY_ASSIGN(*reply.add_domains(), supervisor::describe(reader, domain));
  }
  co_return reply;
}

Task<Result<admin::DomainShowReply>> AdminService::domain_show(admin::DomainShowRequest request) {
  const directory::DirectoryReader& reader = supervisor_.directory().reader();
  CO_TRY_ASSIGN(const std::string name, directory::canonical_domain(request.name()));
  CO_TRY_ASSIGN(const auto domain, reader.domain(name));
  if (!domain) {
    co_return fail(ErrorCode::kNotFound,
                   fmt::format("domain {} is not accepted here; see: hauspost domain list", name));
  }
  admin::DomainShowReply reply;
  CO_TRY_ASSIGN(*reply.mutable_domain(), supervisor::describe(reader, *domain));
  co_return reply;
}

Task<Result<admin::DomainSetReply>> AdminService::domain_set(admin::DomainSetRequest request) {
  directory::DomainChanges changes;
  if (request.has_type()) {
    CO_TRY_ASSIGN(changes.type, type_named(request.type()));
  }
  if (request.has_subdomains()) changes.subdomains = request.subdomains();
  if (request.has_catch_all()) changes.catch_all = request.catch_all();
  if (request.has_plus_addressing()) changes.plus_addressing = request.plus_addressing();
  if (request.has_srs()) changes.srs = request.srs();
  CO_TRY_ASSIGN(const auto domain, supervisor_.directory().set_domain(request.name(), changes));
  admin::DomainSetReply reply;
  CO_TRY_ASSIGN(*reply.mutable_domain(),
                supervisor::describe(supervisor_.directory().reader(), domain));
  co_return reply;
}

Task<Result<admin::DomainRemoveReply>> AdminService::domain_remove(
    admin::DomainRemoveRequest request) {
  CO_TRY(supervisor_.directory().remove_domain(request.name(), request.dry_run()));
  co_return admin::DomainRemoveReply();
}

}  // namespace hauspost::supervisor
