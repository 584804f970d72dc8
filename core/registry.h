// SPDX-License-Identifier: Apache-2.0
// Registries hold what a config can choose by name (optimizers, models, …). An entry registers its
// name, its options and its factory in its own .cpp, and no central list is edited:
//
//   static const bool registered = Registry<Optimizer>::add<AdamW, AdamWOptions>("adamw");
//
// A Recipe<Optimizer> is a choice: a name with options, from YAML or from C++, that makes any
// number of products. All registries are stored in libweft, so that plugins and the application
// fill the same ones. Adding and looking up are thread-safe.
#pragma once
#include <any>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/fields.h"
#include "weft/core/nearest.h"

namespace weft {

// The result type of a kind's factories, and their arguments besides the options.
template <class Kind>
struct RegistryDefaults {
  using Product = std::unique_ptr<Kind>;
  using Context = std::tuple<>;
  // True if every entry has the key `enabled: true | false` (Recipe::enabled).
  static constexpr bool can_be_disabled = false;
  // True if a config may give an entry as its name with its options: {conv: {out: 32}} beside
  // {type: conv, out: 32}.
  static constexpr bool named_by_key = false;
};
// By default the kind's name is Kind::kKind. Specialise the traits for other kinds:
//   template <> struct RegistryTraits<Optimizer> : RegistryDefaults<Optimizer> {
//     static constexpr const char* kind = "optimizer";
//     using Context = std::tuple<ParameterStore&>;
//   };
template <class Kind>
struct RegistryTraits : RegistryDefaults<Kind> {
  static constexpr const char* kind = Kind::kKind;
};

// A registry without its C++ type, used by `weft list`.
class AnyRegistry {
 public:
  virtual ~AnyRegistry() = default;
  virtual std::vector<std::string> names() const = 0;  // sorted
  // Returns the entry's own name for another spelling of it, and any other name as it is.
  virtual std::string canonical(std::string_view name) const = 0;
  // Describes the default options of an entry. Throws UserError for an unknown name.
  virtual void describe(std::string_view name, Fields& fields) const = 0;
  // The file name of the plugin that added an entry; empty for one of weft or of the program.
  // Throws UserError for an unknown name.
  virtual std::string origin(std::string_view name) const = 0;
};

// Returns the kinds that have an entry, sorted.
std::vector<std::string> registered_kinds();
// Throws UserError for an unknown kind, with the known ones and the nearest.
const AnyRegistry& registry_of(std::string_view kind);

// A choice without its C++ type, used by readers and printers.
class AnyRecipe {
 public:
  virtual ~AnyRecipe() = default;
  virtual std::string_view kind() const = 0;
  virtual const std::string& name() const = 0;  // "" before one is chosen
  virtual const AnyRegistry& registry() const = 0;
  std::vector<std::string> names() const { return registry().names(); }
  // Chooses an entry. It gets its default options unless it was already chosen. Throws UserError
  // for an unknown name, with the known ones and the nearest.
  virtual void choose(std::string_view name) = 0;
  virtual void describe(Fields& fields) = 0;  // the options; nothing before one is chosen
  virtual void describe_common(Fields&) {}    // only the options that every entry of the kind has
  virtual bool named_by_key() const { return false; }  // RegistryDefaults

 protected:
  AnyRecipe() = default;
  AnyRecipe(const AnyRecipe&) = default;
  AnyRecipe& operator=(const AnyRecipe&) = default;
};

// Returns the options of a choice as a section.
inline SectionRef options_ref(AnyRecipe& recipe) {
  return {&recipe, [](Fields& f, void* section) { static_cast<AnyRecipe*>(section)->describe(f); }};
}

namespace detail {
// Returns the registry of a kind, made by `make` at the first call. `type` distinguishes two kinds
// of the same name.
AnyRegistry& shared_registry(const char* kind, std::type_index type,
                             std::unique_ptr<AnyRegistry> (*make)());
// Throws UserError for a name that a config cannot have.
void check_name(std::string_view kind, std::string_view name);
// Called in a catch block. Rethrows a std::exception of weft itself or of the program; anything else
// becomes a UserError.
[[noreturn]] void fail_thrown(std::string_view kind, std::string_view name,
                              std::string_view origin);
[[noreturn]] void fail_unknown(std::string_view kind, std::string_view name,
                               const std::vector<std::string>& known);
[[noreturn]] void fail_taken(std::string_view kind, std::string_view name, std::string_view origin);

// Entries that are registered while it exists have this origin. One at a time exists.
class OriginScope {
 public:
  explicit OriginScope(std::string origin);
  ~OriginScope();
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;
};
std::string current_origin();  // empty without an OriginScope

template <class Kind>
inline constexpr bool can_be_disabled = [] {
  if constexpr (requires { RegistryTraits<Kind>::can_be_disabled; })
    return RegistryTraits<Kind>::can_be_disabled;
  else return false;
}();
}  // namespace detail

template <class Kind>
class Registry final : public AnyRegistry {
 public:
  using Traits = RegistryTraits<Kind>;
  using Product = typename Traits::Product;
  using Context = typename Traits::Context;

  struct Entry {
    std::string name;
    std::any defaults;
    void (*describe)(Fields&, std::any& options);
    std::function<Product(const std::any& options, Context&& context)> make;
    std::string origin = detail::current_origin();
  };

  // T is constructed from (options, context…), or from what of them it takes.
  // Throws UserError for a name that is already registered, and says by whom.
  template <class T, Described TOptions = NoOptions>
  static bool add(std::string name) {
    return add<TOptions>(std::move(name), []<class... C>(const TOptions& options, C&&... context) {
      if constexpr (std::is_constructible_v<T, const TOptions&, C...>)
        return made<T>(options, std::forward<C>(context)...);
      else if constexpr (std::is_constructible_v<T, const TOptions&>) return made<T>(options);
      else if constexpr (std::is_constructible_v<T, C...>)
        return made<T>(std::forward<C>(context)...);
      else return made<T>();
    });
  }

  // factory(const TOptions&, context…) returns a Product.
  template <Described TOptions, class Factory>
  static bool add(std::string name, Factory factory) {
    return instance().insert(
        {name, TOptions{},
         [](Fields& f, std::any& options) {
           section_ref(*std::any_cast<TOptions>(&options)).describe(f);
         },
         [factory = std::move(factory)](const std::any& options, Context&& context) -> Product {
           return std::apply(
               [&]<class... C>(C&&... values) -> Product {
                 return factory(std::any_cast<const TOptions&>(options),
                                std::forward<C>(values)...);
               },
               std::move(context));
         }});
  }

  // Accepts another spelling of an entry's name, which no list shows. Throws UserError for one that
  // is already a name or a spelling.
  static bool add_spelling(std::string other, std::string name) {
    Registry& registry = instance();
    std::lock_guard lock(registry.mutex_);
    registry.check_free(other);
    registry.spellings_.emplace(std::move(other),
                                Spelling{std::move(name), detail::current_origin()});
    return true;
  }

  std::vector<std::pair<std::string, std::string>> spellings() const {
    std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& [other, spelling] : spellings_) all.emplace_back(other, spelling.name);
    return all;
  }

  static Registry& instance() {
    static auto& shared = static_cast<Registry&>(detail::shared_registry(
        Traits::kind, typeid(Kind), [] { return std::unique_ptr<AnyRegistry>(new Registry); }));
    return shared;
  }

  // Throws UserError for an unknown name, with the known ones and the nearest. Entries are never
  // removed.
  const Entry& entry(std::string_view name) const {
    {
      std::lock_guard lock(mutex_);
      const auto spelled = spellings_.find(name);
      const auto found = entries_.find(spelled == spellings_.end() ? name : spelled->second.name);
      if (found != entries_.end()) return found->second;
    }
    detail::fail_unknown(Traits::kind, name, names());
  }

  std::vector<std::string> names() const override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    return names;
  }

  std::string canonical(std::string_view name) const override {
    std::lock_guard lock(mutex_);
    const auto spelled = spellings_.find(name);
    return spelled == spellings_.end() ? std::string(name) : spelled->second.name;
  }

  void describe(std::string_view name, Fields& fields) const override {
    const Entry& chosen = entry(name);
    std::any options = chosen.defaults;
    chosen.describe(fields, options);
  }

  std::string origin(std::string_view name) const override { return entry(name).origin; }

 private:
  struct Spelling {
    std::string name, origin;
  };

  template <class T, class... A>
  static Product made(A&&... arguments) {
    if constexpr (std::is_constructible_v<Product, std::unique_ptr<T>>)
      return std::make_unique<T>(std::forward<A>(arguments)...);
    else return Product(T(std::forward<A>(arguments)...));
  }

  bool insert(Entry entry) {
    detail::check_name(Traits::kind, entry.name);
    std::lock_guard lock(mutex_);
    check_free(entry.name);
    entries_.try_emplace(entry.name, std::move(entry));
    return true;
  }

  void check_free(std::string_view name) const {
    if (const auto found = entries_.find(name); found != entries_.end())
      detail::fail_taken(Traits::kind, name, found->second.origin);
    if (const auto found = spellings_.find(name); found != spellings_.end())
      detail::fail_taken(Traits::kind, name, found->second.origin);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // nodes never move: recipes point at them
  std::map<std::string, Spelling, std::less<>> spellings_;
};

template <class Kind>
class Recipe final : public AnyRecipe {
 public:
  using Product = typename Registry<Kind>::Product;
  using Context = typename Registry<Kind>::Context;

  Recipe() = default;

  // Returns a recipe with the entry's default options. Throws UserError for an unknown name.
  static Recipe of(std::string_view name) {
    Recipe recipe;
    recipe.choose(name);
    return recipe;
  }

  // Throws UserError for an unknown name and for option values that their checks refuse, and
  // InternalError for options of another entry.
  template <Described TOptions>
  static Recipe of(std::string_view name, TOptions options) {
    Recipe recipe = of(name);
    WEFT_ASSERT(recipe.options_.type() == typeid(TOptions),
                "recipe: {} '{}' was given the options of another entry", recipe.kind(), name);
    validate(name, section_ref(options));
    recipe.options_ = std::move(options);
    return recipe;
  }

  // Returns a recipe whose options have the values of `shared` where the entry declares a key of
  // this name, and its defaults elsewhere. So one struct of options serves several entries, each of
  // which takes its own keys. Throws UserError as of() does, and for a value of another type. (A
  // config stays strict: a key that its entry does not declare is an error.)
  template <Described TShared>
  static Recipe of_shared(std::string_view name, TShared shared) {
    Recipe recipe = of(name);
    take_shared(name, options_ref(recipe), section_ref(shared));
    validate(name, options_ref(recipe));
    return recipe;
  }

  // Makes one product. Throws UserError if no entry was chosen. Errors of weft pass through. What
  // else a plugin throws becomes a UserError that names the entry and the plugin.
  template <class... C>
  Product make(C&&... context) const {
    WEFT_CHECK(entry_ != nullptr, "{}: none was chosen; a type is required, one of {}", kind(),
               listed(names()));
    try {
      return entry_->make(options_, Context(std::forward<C>(context)...));
    } catch (const Error&) {
      throw;
    } catch (...) {
      detail::fail_thrown(kind(), name(), entry_->origin);
    }
  }

  // Returns the options if they are of this type, and null otherwise.
  template <class TOptions>
  const TOptions* options_if() const {
    return std::any_cast<TOptions>(&options_);
  }

  explicit operator bool() const { return entry_ != nullptr; }
  // Returns false for an entry that is switched off. The code that makes the entries of a list then
  // omits it, and the others keep their positions. Only kinds that opt in have the key
  // (RegistryDefaults).
  bool enabled() const { return enabled_; }
  bool named_by_key() const override {
    if constexpr (requires { RegistryTraits<Kind>::named_by_key; })
      return RegistryTraits<Kind>::named_by_key;
    else return false;
  }
  void set_enabled(bool enabled) requires detail::can_be_disabled<Kind> { enabled_ = enabled; }
  const std::string& name() const override { return entry_ ? entry_->name : no_name(); }
  std::string_view kind() const override { return RegistryTraits<Kind>::kind; }
  const AnyRegistry& registry() const override { return Registry<Kind>::instance(); }

  void choose(std::string_view name) override {
    const auto& entry = Registry<Kind>::instance().entry(name);
    if (&entry == entry_) return;
    entry_ = &entry;
    options_ = entry.defaults;
    enabled_ = true;
  }

  void describe(Fields& fields) override {
    if (entry_ == nullptr) return;
    entry_->describe(fields, options_);
    describe_common(fields);
  }
  void describe_common(Fields& fields) override {
    if constexpr (detail::can_be_disabled<Kind>)
      fields("enabled", enabled_, "false: as if the entry were not there", unprinted_if(enabled_));
  }

 private:
  static const std::string& no_name() {
    static const std::string none;
    return none;
  }

  const typename Registry<Kind>::Entry* entry_ = nullptr;
  std::any options_;
  bool enabled_ = true;
};

// A choice together with keys of the same section that every entry of the kind has:
//   data: {type: mnist, root: data/mnist, validation_split: 0.1}
template <class Kind, Described Common>
class RecipeWith final : public AnyRecipe {
 public:
  Recipe<Kind> recipe;
  Common common;

  RecipeWith() = default;
  RecipeWith(Recipe<Kind> chosen)  // NOLINT(google-explicit-constructor)
      : recipe(std::move(chosen)) {}

  const std::string& name() const override { return recipe.name(); }
  std::string_view kind() const override { return recipe.kind(); }
  const AnyRegistry& registry() const override { return recipe.registry(); }
  void choose(std::string_view name) override { recipe.choose(name); }
  void describe(Fields& fields) override {
    recipe.describe(fields);
    section_ref(common).describe(fields);
  }
  void describe_common(Fields& fields) override {
    recipe.describe_common(fields);
    section_ref(common).describe(fields);
  }
};

}  // namespace weft
