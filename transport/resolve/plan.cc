#include "transport/resolve/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <unordered_set>

#include "base/crypto/mac.h"
#include "base/log.h"
#include "base/text.h"
#include "protocols/smtp/address.h"
#include "transport/resolve/srs.h"

namespace hauspost::transport {

namespace {

using Kind = Resolved::Kind;

constexpr std::size_t kPage = 500;  // members, between two looks at other tasks
constexpr std::size_t kOrcptMax = 500;

// A version 8 id (RFC 9562 section 5.8) that is the same for the same message and key.
Guid derived_id(const Guid& message, std::string_view key) {
  const std::string digest =
      crypto::hash(crypto::Digest::kSha256, std::string(message.as_bytes()).append(key));
  Guid id = *Guid::from_bytes(std::string_view(digest).substr(0, 16));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x80);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

// One address on its way through the directory.
struct Step {
  Recipient recipient;
  Resolved resolved;
  std::size_t fork = 0;
  std::vector<Guid> chain;  // groups, contacts and forwarding mailboxes it came through
  std::string via;          // address of the last of them; empty: it came as it is
  std::size_t root = 0;     // the client's recipient that it comes from
  bool copy_stays = false;  // with whom it came from last

  bool nested() const { return !via.empty(); }
  bool came_through(const Guid& id) const {
    return std::ranges::find(chain, id) != chain.end();
  }
};

class Planner {
 public:
  Planner(const Services& services, PlanInput input)
      : services_(services), directory_(services.directory), input_(std::move(input)) {
    plan_.forks.push_back({input_.envelope, {}, {}});
    network_ = input_.envelope.network.is_nil() ? input_.envelope.delivery
                                                : input_.envelope.network;
  }

  Task<Result<Plan>> run();

 private:
  Result<> take(Step step);
  Result<> take_mailbox(Step step);
  Result<> forward(Step step);
  bool goes_in_circles(const Step& step);
  Result<> take_external(Step step);
  Task<Result<>> expand(Step step);
  Result<std::size_t> group_fork(const Step& step);
  void add_members(const Step& group, std::size_t fork, MemberPage& page);
  void add_target(Step& step);
  void add_leaving(Step& step);
  std::size_t leaving_fork(const Step& step);
  std::size_t fork_for(const std::string& key, const std::string& sender, std::size_t like,
                       std::string prefix);
  std::string rewritten_sender(const Step& step) const;
  Step redirected(const Step& from, std::string address, Resolved resolved) const;
  void refuse(Step& step, std::string_view status, std::string text);
  void refuse_who_reached_nobody();
  bool was_here(std::string_view address) const;
  void track(TrackEvent event, const Step& step, std::string_view to) const;

  const Services& services_;
  const Directory& directory_;
  PlanInput input_;
  Guid network_;
  Plan plan_;
  std::deque<Step> steps_;
  std::map<std::string, std::size_t> forks_;  // by key
  std::unordered_set<Guid> mailboxes_;        // that have been looked at
  std::map<Guid, std::size_t> groups_;   // expanded, and for which root
  std::map<Guid, Guid> passes_on_;  // mailboxes that keep no copy, and to whom; nil: outside
  std::unordered_set<std::string> outside_;  // addresses, lower case
  std::size_t targets_ = 0;
  // Of each recipient that the client named:
  struct Root {
    Recipient recipient;
    bool answered = false;       // somebody got it, or was refused
    std::set<std::size_t> same;  // others whose groups would have been its own
  };
  std::vector<Root> roots_;
};

// Whom the client named comes first, so that nobody gets a group's copy instead.
Task<Result<Plan>> Planner::run() {
  for (const bool groups : {false, true}) {
    for (Target& target : input_.recipients) {
      if ((target.resolved.kind == Kind::kGroup) != groups) continue;
      roots_.push_back({target.recipient, false, {}});
      steps_.push_back({std::move(target.recipient), std::move(target.resolved), 0, {}, {},
                        roots_.size() - 1});
    }
  }
  while (!steps_.empty()) {
    Step step = std::move(steps_.front());
    steps_.pop_front();
    if (step.resolved.kind == Kind::kGroup) {
      CO_TRY(co_await expand(std::move(step)));
    } else {
      CO_TRY(take(std::move(step)));
    }
  }
  refuse_who_reached_nobody();
  co_return std::move(plan_);
}

// Groups that hold nothing but each other must not swallow a message.
void Planner::refuse_who_reached_nobody() {
  for (std::size_t root = 0; root < roots_.size(); ++root) {
    const auto answered = [&](std::size_t other) { return roots_[other].answered; };
    if (answered(root) || std::ranges::any_of(roots_[root].same, answered)) continue;
    Recipient& recipient = roots_[root].recipient;
    std::string text = fmt::format("{}: the group has no members", recipient.address);
    plan_.refused.push_back({0, std::move(recipient), "5.2.4", std::move(text)});
  }
}

Result<> Planner::take(Step step) {
  switch (step.resolved.kind) {
    case Kind::kMailbox: return take_mailbox(std::move(step));
    case Kind::kExternal: return take_external(std::move(step));
    case Kind::kForeign:
    case Kind::kRelay: add_leaving(step); return {};
    case Kind::kUnavailable: return fail(ErrorCode::kUnavailable, "the directory cannot be read");
    case Kind::kUnknown:
    case Kind::kGroup: break;
  }
  refuse(step, "5.1.1", fmt::format("{}: no such user here", step.recipient.address));
  return {};
}

Result<> Planner::take_mailbox(Step step) {
  const bool seen = !mailboxes_.insert(step.resolved.mailbox).second;
  if (seen && step.nested()) {
    roots_[step.root].answered = true;
    if (goes_in_circles(step)) add_target(step);
    return {};
  }
  if (step.nested() && input_.message_bytes > step.resolved.message_bytes_max) {
    refuse(step, "5.2.3", fmt::format("{}: message too big for this mailbox", step.resolved.label));
    return {};
  }
  if (step.resolved.is_plain_mailbox()) {
    add_target(step);
    return {};
  }
  if (!seen) return forward(std::move(step));
  roots_[step.root].answered = true;
  return {};
}

// True for a mailbox that only forwards, when what it forwards comes back to it: somebody must keep
// the message.
bool Planner::goes_in_circles(const Step& step) {
  const Guid& mailbox = step.resolved.mailbox;
  auto next = passes_on_.find(mailbox);
  for (std::size_t i = 0; next != passes_on_.end() && i <= passes_on_.size(); ++i) {
    const Guid to = next->second;
    next = passes_on_.find(to);
    if (next == passes_on_.end() && mailboxes_.contains(to)) return false;  // it has the message
    if (to == mailbox || (!to.is_nil() && step.came_through(to))) {
      passes_on_.erase(mailbox);  // and now it has, too
      return true;
    }
  }
  return false;
}

// What would go round in a circle, or to nobody, stays here: no mail is lost by a forward.
Result<> Planner::forward(Step step) {
  Resolved to = directory_.resolve(step.resolved.target);
  if (to.kind == Kind::kUnavailable)
    return fail(ErrorCode::kUnavailable, "the directory cannot be read");
  const bool nobody = to.kind == Kind::kUnknown;
  const bool back = (!to.mailbox.is_nil() && (to.mailbox == step.resolved.mailbox ||
                                              step.came_through(to.mailbox))) ||
                    was_here(step.resolved.label) || step.chain.size() >= kRedirectsMax;
  if (back || nobody) {
    log::warning("forward.stays", {{"mailbox", step.resolved.label},
                                   {"to", step.resolved.target},
                                   {"cause", nobody ? "no such address" : "it leads back"}});
    add_target(step);
    return {};
  }
  track(TrackEvent::kRedirect, step, step.resolved.target);
  Step onward = redirected(step, step.resolved.target, std::move(to));
  onward.copy_stays = step.resolved.keep_copy;
  if (step.resolved.keep_copy) {
    // One report of success is enough: that of the mailbox (RFC 3461 section 5.2.7.3).
    if (onward.recipient.notify & smtp::kNotifySuccess) {
      onward.recipient.notify &= ~smtp::kNotifySuccess;
      if (onward.recipient.notify == 0) onward.recipient.notify = smtp::kNotifyNever;
    }
    add_target(step);
  } else {
    passes_on_.emplace(step.resolved.mailbox, onward.resolved.mailbox);
  }
  steps_.push_back(std::move(onward));
  return {};
}

Result<> Planner::take_external(Step step) {
  const bool back = !step.resolved.mailbox.is_nil() &&
                    (step.came_through(step.resolved.mailbox) || was_here(step.resolved.label));
  if (back || step.chain.size() >= kRedirectsMax) {
    refuse(step, "5.4.6", fmt::format("{}: mail loop", step.resolved.label));
    return {};
  }
  track(TrackEvent::kResolve, step, step.resolved.target);
  Resolved to = directory_.resolve(step.resolved.target);
  std::string target = step.resolved.target;
  steps_.push_back(redirected(step, std::move(target), std::move(to)));
  return {};
}

Step Planner::redirected(const Step& from, std::string address, Resolved resolved) const {
  Step step{from.recipient, std::move(resolved),  from.fork,
            from.chain,     from.resolved.label, from.root};
  step.chain.push_back(from.resolved.mailbox);
  Recipient& recipient = step.recipient;
  if (recipient.original.empty()) recipient.original = recipient.address;
  if (recipient.orcpt.empty()) {
    const auto original = smtp::address_from(recipient.original);
    std::string orcpt = "rfc822;" + smtp::encode_xtext(recipient.original);
    if (original && original->is_ascii() && orcpt.size() <= kOrcptMax)
      recipient.orcpt = std::move(orcpt);
  }
  recipient.address = std::move(address);
  return step;
}

Result<std::size_t> Planner::group_fork(const Step& step) {
  using Reports = GroupRules::Reports;
  TRY_ASSIGN(const GroupRules rules, directory_.group_rules(step.resolved.mailbox));
  const Envelope& envelope = plan_.forks[step.fork].envelope;
  if (rules.reports == Reports::kSender || envelope.sender.empty()) return step.fork;
  const bool owner = rules.reports == Reports::kOwner && !rules.owner.empty();
  const std::size_t fork = fork_for("group:" + step.resolved.mailbox.to_string(),
                                    owner ? rules.owner : std::string(), step.fork, {});
  plan_.forks[fork].envelope.envid.clear();
  plan_.forks[fork].envelope.ret.reset();
  return fork;
}

Task<Result<>> Planner::expand(Step step) {
  const Guid group = step.resolved.mailbox;
  const auto [known, fresh] = groups_.emplace(group, step.root);
  if (!fresh) {
    if (known->second != step.root) roots_[step.root].same.insert(known->second);
    co_return Result<>{};
  }
  if (was_here(step.resolved.label) || step.chain.size() >= kRedirectsMax) {
    refuse(step, "5.4.6", fmt::format("{}: mail loop", step.resolved.label));
    co_return Result<>{};
  }
  if (step.nested() && step.resolved.restricted) {
    CO_TRY_ASSIGN(const bool may, directory_.may_post(group, input_.envelope.user));
    if (!may) {
      refuse(step, "5.7.1", fmt::format("{}: you may not write to this group", step.resolved.label));
      co_return Result<>{};
    }
  }
  CO_TRY_ASSIGN(const std::size_t fork, group_fork(step));
  track(TrackEvent::kExpand, step, {});
  std::size_t found = 0;
  std::string from;
  do {
    CO_TRY_ASSIGN(MemberPage page, directory_.members(group, from, kPage));
    found += page.members.size();
    if (targets_ + steps_.size() + page.members.size() > kExpandedMax) {
      refuse(step, "5.5.3", fmt::format("{}: too many members", step.resolved.label));
      co_return Result<>{};
    }
    from = page.next;
    add_members(step, fork, page);
    if (!from.empty()) co_await yield_now();
  } while (!from.empty());
  if (found == 0)
    refuse(step, "5.2.4", fmt::format("{}: the group has no members", step.resolved.label));
  else if (step.recipient.notify & smtp::kNotifySuccess)
    plan_.expanded.push_back({step.recipient,
                              fork == step.fork ? DsnAction::kExpanded : DsnAction::kDelivered,
                              {RecipientResult::Kind::kDelivered, "2.1.5", {}, {}},
                              services_.clock.now(),
                              {}});
  co_return Result<>{};
}

// A list keeps what its members' servers report to itself; an alias passes everything on but the
// wish to hear of success, which the group has fulfilled (RFC 3461 section 5.2.7).
void Planner::add_members(const Step& group, std::size_t fork, MemberPage& page) {
  const bool list = fork != group.fork;
  for (MemberPage::Member& member : page.members) {
    Step step = redirected(group, std::move(member.address), std::move(member.resolved));
    step.fork = fork;
    Recipient& recipient = step.recipient;
    if (list) {
      const bool nobody = plan_.forks[fork].envelope.sender.empty();
      recipient.notify = nobody ? smtp::kNotifyNever : smtp::NotifyBits{0};
      recipient.orcpt.clear();
    } else if (recipient.notify & smtp::kNotifySuccess) {
      recipient.notify &= ~smtp::kNotifySuccess;
      if (recipient.notify == 0) recipient.notify = smtp::kNotifyNever;
    }
    steps_.push_back(std::move(step));
  }
}

void Planner::add_target(Step& step) {
  ++targets_;
  roots_[step.root].answered = true;
  plan_.forks[step.fork].targets.push_back({std::move(step.recipient), step.resolved});
}

void Planner::add_leaving(Step& step) {
  const bool seen = !outside_.insert(ascii_lower(step.recipient.address)).second;
  roots_[step.root].answered = true;
  if (seen && step.nested()) return;
  step.fork = leaving_fork(step);
  add_target(step);
}

std::size_t Planner::leaving_fork(const Step& step) {
  if (!step.nested()) return step.fork;
  const std::string sender = rewritten_sender(step);
  return fork_for(fmt::format("via:{}:{}:{}", step.fork, ascii_lower(step.via), sender), sender,
                  step.fork, fmt::format("Delivered-To: {}\r\n", step.via));
}

// RFC 7208 knows only the host that sends: a foreign domain does not name ours.
std::string Planner::rewritten_sender(const Step& step) const {
  const std::string& sender = plan_.forks[step.fork].envelope.sender;
  if (sender.empty() || !services_.srs) return sender;
  const std::string ours = directory_.forwarding_domain(step.via);
  if (ours.empty()) return sender;
  const auto parsed = smtp::address_from(sender);
  if (!parsed || directory_.is_accepted_domain(parsed->domain).value_or(true)) return sender;
  const std::string plain = parsed->local + "@" + parsed->domain;
  const auto rewritten = services_.srs->rewrite(plain, ours, services_.clock.now());
  // Too long. Who has a copy can hear of failures: nothing is lost by it.
  if (!rewritten) return step.copy_stays ? step.via : sender;
  const auto path = std::string_view(*rewritten).substr(0, rewritten->rfind('@'));
  return smtp::Address{std::string(path), ours}.to_string();
}

std::size_t Planner::fork_for(const std::string& key, const std::string& sender, std::size_t like,
                              std::string prefix) {
  const auto [known, fresh] = forks_.emplace(key, plan_.forks.size());
  if (!fresh) return known->second;
  Fork fork{plan_.forks[like].envelope, std::move(prefix), {}};
  fork.envelope.sender = sender;
  fork.envelope.delivery = derived_id(input_.envelope.delivery, key);
  fork.envelope.network = network_;
  plan_.forks.push_back(std::move(fork));
  return known->second;
}

void Planner::refuse(Step& step, std::string_view status, std::string text) {
  roots_[step.root].answered = true;
  plan_.refused.push_back({step.fork, std::move(step.recipient), status, std::move(text)});
}

bool Planner::was_here(std::string_view address) const {
  std::string_view rest = input_.header;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    constexpr std::string_view kField = "delivered-to:";
    if (!istarts_with(line, kField)) continue;
    line.remove_prefix(kField.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (iequals(trim(line), address)) return true;
  }
  return false;
}

void Planner::track(TrackEvent event, const Step& step, std::string_view to) const {
  services_.tracker->record({.event = event,
                             .message = network_,
                             .session = input_.envelope.session,
                             .sender = plan_.forks[step.fork].envelope.sender,
                             .recipients = {step.recipient.address},
                             .source = "resolve",
                             .detail = to.empty() ? std::string_view(step.resolved.label) : to});
}

}  // namespace

Task<Result<Plan>> make_plan(const Services& services, PlanInput input) {
  Planner planner(services, std::move(input));
  co_return co_await planner.run();
}

bool is_plain(const std::vector<Target>& recipients) {
  return std::ranges::all_of(recipients, [](const Target& target) {
    return target.resolved.is_plain_mailbox() || target.resolved.leaves();
  });
}

std::string_view header_field(std::string_view header, std::string_view name) {
  while (!header.empty() && !header.starts_with("\r\n")) {
    const std::size_t end = header.find("\r\n");
    const std::string_view line = header.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' && istarts_with(line, name))
      return trim(line.substr(name.size() + 1));
    if (end == std::string_view::npos) break;
    header.remove_prefix(end + 2);
  }
  return {};
}

}  // namespace hauspost::transport
