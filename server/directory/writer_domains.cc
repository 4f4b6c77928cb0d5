#include <fmt/format.h>

#include "base/text.h"
#include "server/directory/writer_impl.h"

namespace hauspost::directory {

namespace {

std::unexpected<Error> not_accepted(const std::string& domain) {
  return fail(ErrorCode::kNotFound,
              fmt::format("domain {} is not accepted here; see: hauspost domain list", domain));
}

// Addresses of domains below `domain` that have no entry of their own.
Result<std::uint64_t> count_below(const Data& data, const store::Txn& txn,
                                  const std::string& domain) {
  constexpr std::string_view kPrefix = "domain/";
  std::uint64_t all = 0;
  TRY_ASSIGN(store::Cursor cursor, store::Cursor::open(txn, data.counts));
  TRY_ASSIGN(bool more, cursor.seek(kPrefix));
  while (more && cursor.key().starts_with(kPrefix)) {
    const std::string_view name = cursor.key().substr(kPrefix.size());
    if (name.ends_with("." + domain)) {
      TRY_ASSIGN(const auto entry, find_domain(data, txn, name));
      if (entry && entry->name == domain) all += parse_u64(cursor.value()).value_or(0);
    }
    TRY_ASSIGN(more, cursor.next());
  }
  return all;
}

Result<std::uint64_t> count_addresses(const Data& data, const store::Txn& txn,
                                      const std::string& domain) {
  TRY_ASSIGN(const std::uint64_t own, read_count(data, txn, domain_count_key(domain)));
  TRY_ASSIGN(const std::uint64_t below, count_below(data, txn, domain));
  return own + below;
}

Result<std::string> check_catch_all(const Data& data, const store::Txn& txn,
                                    const std::string& address) {
  if (address.empty()) return std::string();
  TRY_ASSIGN(const Address parsed, parse_address(address));
  TRY_ASSIGN(const std::string holder, holder_of(data, txn, parsed.key()));
  // Probes remove whatever they find in a mailbox of theirs.
  if (!holder.empty() && parsed.domain != kSystemDomain) return parsed.text();
  return fail(ErrorCode::kNotFound, fmt::format("catch-all {}: nobody here has this address; see: "
                                                "hauspost mailbox list",
                                                escape_for_log(address)));
}

Result<> apply_type(const Data& data, const store::Txn& txn, DomainType type, DomainEntry& entry) {
  entry.type = type;
  if (type != DomainType::kAuthoritative && !entry.catch_all.empty()) {
    return fail(ErrorCode::kDenied,
                fmt::format("domain {} has a catch-all, which only an authoritative domain can "
                            "have; take it away first: hauspost domain set {} --no-catch-all",
                            entry.name, entry.name));
  }
  if (type != DomainType::kExternalRelay) return {};
  TRY_ASSIGN(const std::uint64_t addresses, count_addresses(data, txn, entry.name));
  if (addresses == 0) return {};
  return fail(ErrorCode::kDenied,
              fmt::format("domain {} has {} addresses in use here; an external-relay domain has "
                          "none: take internal-relay, or remove them first",
                          entry.name, addresses));
}

Result<> apply_changes(const Data& data, const store::Txn& txn, const DomainChanges& changes,
                       DomainEntry& entry) {
  if (changes.catch_all) {
    TRY_ASSIGN(entry.catch_all, check_catch_all(data, txn, *changes.catch_all));
  }
  if (changes.type || changes.catch_all)
    TRY(apply_type(data, txn, changes.type.value_or(entry.type), entry));
  if (changes.subdomains && !*changes.subdomains) {
    TRY_ASSIGN(const std::uint64_t below, count_below(data, txn, entry.name));
    if (below != 0) {
      return fail(ErrorCode::kDenied,
                  fmt::format("{} addresses of domains below {} are in use; add those domains "
                              "first: hauspost domain add NAME.{}",
                              below, entry.name, entry.name));
    }
  }
  entry.subdomains = changes.subdomains.value_or(entry.subdomains);
  entry.plus_addressing = changes.plus_addressing.value_or(entry.plus_addressing);
  entry.srs = changes.srs.value_or(entry.srs);
  return {};
}

}  // namespace

Result<DomainEntry> DirectoryWriter::add_domain(std::string_view name) {
  TRY_ASSIGN(const std::string domain, canonical_domain(name));
  if (domain == kSystemDomain) {
    return fail(ErrorCode::kDenied,
                fmt::format("domain {} is the server's own: nobody gets addresses of it", domain));
  }
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<DomainEntry> {
    TRY_ASSIGN(const auto found, txn.get(data.domains, domain));
    if (found)
      return fail(ErrorCode::kExists, fmt::format("domain {} is accepted already", domain));
    DomainEntry entry{domain};
    TRY(txn.put(data.domains, domain, to_stored(entry)));
    return entry;
  });
}

Result<DomainEntry> DirectoryWriter::set_domain(std::string_view name,
                                                const DomainChanges& changes) {
  TRY_ASSIGN(const std::string domain, canonical_domain(name));
  const Data& data = *impl_->data;
  return impl_->in_transaction(true, [&](store::WriteTxn& txn) -> Result<DomainEntry> {
    TRY_ASSIGN(const auto bytes, txn.get(data.domains, domain));
    if (!bytes) return not_accepted(domain);
    TRY_ASSIGN(DomainEntry entry, domain_from_stored(*bytes));
    TRY(apply_changes(data, txn, changes, entry));
    TRY(txn.put(data.domains, domain, to_stored(entry)));
    return entry;
  });
}

Result<DomainEntry> DirectoryWriter::remove_domain(std::string_view name, bool dry_run) {
  TRY_ASSIGN(const std::string domain, canonical_domain(name));
  const Data& data = *impl_->data;
  return impl_->in_transaction(!dry_run, [&](store::WriteTxn& txn) -> Result<DomainEntry> {
    TRY_ASSIGN(const std::uint64_t addresses, count_addresses(data, txn, domain));
    if (addresses != 0) {
      return fail(ErrorCode::kDenied,
                  fmt::format("domain {} has {} addresses in use; remove their mailboxes first "
                              "(hauspost mailbox list --domain {})",
                              domain, addresses, domain));
    }
    TRY_ASSIGN(const bool removed, txn.remove(data.domains, domain));
    if (!removed) return not_accepted(domain);
    return DomainEntry{domain};
  });
}

}  // namespace hauspost::directory
