/* Classes: what a module is. The built-in ones (nn.h) are made of nothing else; users write their own alike.

   static const lazy_class scale = {LAZY_CLASS("Scale"), .forward = scale_forward, .params = weight,
   .param_count = 1}; static const lazy_class lazy_scale = {LAZY_CLASS("LazyScale"), .becomes = &scale,
   .is_lazy = true, .infer = scale_infer, .forward = scale_forward, .params = weight, .param_count = 1}; */
#ifndef LAZYRT_CLASS_H
#define LAZYRT_CLASS_H

#include <lazyrt/init.h>
#include <lazyrt/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lazy_module lazy_module;
typedef struct lazy_recorder lazy_recorder;
typedef struct lazy_class lazy_class;

/* ---- options: constructor arguments, printed form and the fields they live in ---- */

typedef enum lazy_option_kind {
  LAZY_OPTION_INT = 1,         /* int64_t */
  LAZY_OPTION_FLOAT = 2,       /* double */
  LAZY_OPTION_BOOL = 3,        /* bool */
  LAZY_OPTION_DTYPE = 4,       /* lazy_dtype; read as a word (torch.float16), never printed */
  LAZY_OPTION_TEXT = 5,        /* char[LAZY_OPTION_TEXT_BYTES]: padding_mode='zeros', approximate='none' */
  LAZY_OPTION_MAYBE_FLOAT = 6, /* double; None is NaN: momentum=None */
  LAZY_OPTION_SHAPE = 7,       /* lazy_shape: one size or a tuple of them, printed as a tuple; default () */
  LAZY_OPTION_INTS = 8,        /* lazy_ints: kernel_size=3, kernel_size=(3, 3), padding='same', size=None */
  LAZY_OPTION_FLOATS = 9,      /* lazy_floats: scale_factor=2.0, scale_factor=(2.0, 1.5) */
} lazy_option_kind;
enum { LAZY_OPTION_TEXT_BYTES = 24, LAZY_OPTION_NUMBERS = 8 };

/* One number or several, as they were given and are printed. */
typedef struct lazy_ints {
  int32_t count;                   /* of a tuple; 0: one number without parentheses, at[0]; -1: () */
  int32_t word;                    /* 1 and up: one of the option's words was given and no number */
  int64_t at[LAZY_OPTION_NUMBERS]; /* LAZY_INT_NONE: None */
} lazy_ints;
typedef struct lazy_floats {
  int32_t count;
  int32_t reserved;
  double at[LAZY_OPTION_NUMBERS]; /* NaN: None */
} lazy_floats;
#define LAZY_INT_NONE INT64_MIN
#define LAZY_INT(number) \
  {                      \
    0, 0, { (number) }   \
  }
#define LAZY_INTS(...)                                                                \
  {                                                                                   \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), 0, { __VA_ARGS__ } \
  }

enum {
  LAZY_OPTION_REQUIRED = 1, /* the constructor has no default */
  LAZY_OPTION_PRINTED = 2,  /* shown by print, in table order, as name=value */
  LAZY_OPTION_INFERRED = 4, /* not a constructor argument of the lazy class; text may give it as 0 only */
  LAZY_OPTION_BARE = 8,     /* printed without its name (Conv2d(3, 8, ...)) */
  LAZY_OPTION_IGNORED = 16, /* accepted and dropped (device=) */
  LAZY_OPTION_UNLESS_DEFAULT = 32, /* printed only where it differs from its default */
  LAZY_OPTION_KEYWORD = 64,        /* given by its name only, wherever it stands in the table */
  LAZY_OPTION_UNQUOTED =
      128, /* words are printed without quotes, and read either way: padding_mode=reflect */
};

/* One option. Positional order in the constructor = table order without the INFERRED and KEYWORD ones. Text
   may also give what print shows: the INFERRED size as 0 in its place, and the option that would otherwise be
   there by its name. */
typedef struct lazy_option {
  const char *name;
  lazy_option_kind kind;
  unsigned flags;
  size_t offset;    /* of the field in the class's struct */
  double number;    /* default of INT, FLOAT, MAYBE_FLOAT, BOOL; of INTS and FLOATS, NaN being None */
  const char *text; /* default of TEXT; words that INTS takes, "valid|same"; NULL: none */
} lazy_option;

/* ---- parameters ---- */

/* A parameter or buffer that every module of the class registers, in table order. */
typedef struct lazy_param_spec {
  const char *name;
  lazy_init init;
  bool is_buffer, not_persistent;
  lazy_dtype dtype;    /* DEFAULT = the module's dtype option, else the context's */
  const char *only_if; /* name of a BOOL option: registered as none where that is false */
  const char *and_if;  /* of another that has to be true as well; NULL: none */
  int since; /* version of the class that brought it: states of older ones, or of none, need not have it */
} lazy_param_spec;

/* ---- inference on the host, for user-defined lazy classes ---- */

/* The call's arguments, bound to the class's argument names. Reads are answered on the host, by the same
   rules the device uses; errors stick and fail the call after infer returns. */
typedef struct lazy_infer lazy_infer;
/* Where the parameters' shapes go. */
typedef struct lazy_infer_result lazy_infer_result;

/* Size of a dim of a tensor argument (negative from the end); 0 after an error. */
LAZY_API int64_t lazy_infer_dim(const lazy_infer *in, const char *argument, int dim);
LAZY_API int lazy_infer_rank(const lazy_infer *in, const char *argument);
LAZY_API lazy_shape lazy_infer_shape(const lazy_infer *in, const char *argument);
/* The argument itself, of any kind; kind NONE if it was not given. */
LAZY_API lazy_value lazy_infer_value(const lazy_infer *in, const char *argument);
LAZY_API lazy_module *lazy_infer_module(const lazy_infer *in);
/* Settles a parameter: written if it was unshaped, compared (SHAPE error) if it has a shape already. */
LAZY_API lazy_status lazy_infer_param(lazy_infer_result *out, const char *name, lazy_shape shape);

/* ---- the class ---- */

struct lazy_class {
  size_t struct_size;
  const char *name;
  const lazy_class *becomes; /* the ordinary class; NULL: it stays what it is */
  bool is_lazy;              /* has the mixin: two lazy hooks until its parameters are real */
  bool is_container;         /* forward defaults to calling the children in order */
  size_t self_bytes;         /* of the struct the options live in; equal in the class it becomes */
  const lazy_option *options;
  size_t option_count;
  const char *const *arguments; /* names of forward's arguments, NULL-terminated; NULL = {"input"} */
  const lazy_param_spec *params;
  size_t param_count;

  /* After the options are in place: checks them, says what shapes parameters have when the class is ordinary
     (lazy_module_set_param_shape). */
  lazy_status (*construct)(lazy_module *self);
  /* User-defined lazy classes: parameters' shapes from the call's arguments. Pure, any thread. Built-in ones
     have none: their op's shape rule settles the parameters on the device. */
  lazy_status (*infer)(const lazy_infer *in, lazy_infer_result *out);
  /* The ops of forward settle the parameters too, on the device: `infer` runs only where hooks stand between
     the lazy one and forward, as these see shapes in PyTorch. */
  bool infers_for_hooks;
  /* Every parameter has its shape: sets the options that follow from it (in_features). Runs in the first
     forward, and in a load that settles everything. NULL: nothing follows. */
  lazy_status (*settle)(lazy_module *self);
  /* For loading: the shape a parameter must have by the options, before anything is settled. A size below 0
     is not known yet; the same negative number stands for the same size in every parameter of the module:
     {out_features, -1} for weight, {out_features} for bias. False: any shape will do. NULL: for every
     parameter. */
  bool (*expect_shape)(lazy_module *self, const char *name, lazy_shape *out_shape);
  /* Records the computation: calls children and ops. Exactly one of the two, unless is_container. */
  lazy_tensor (*forward)(lazy_recorder *recorder, lazy_module *self, const lazy_args *args);
  lazy_value (*forward_value)(lazy_recorder *recorder, lazy_module *self, const lazy_args *args);
  /* Frees what construct put into the struct. NULL: nothing. */
  void (*deinit)(lazy_module *self);
  /* Metadata version written to state dicts; 0 = 1. */
  int version;
};
#define LAZY_CLASS(name_) .struct_size = sizeof(lazy_class), .name = (name_)

/* In construct, of ordinary classes: the parameter becomes shaped. NOT_FOUND if the class has none of that
   name; a no-op where it is registered as none. */
LAZY_MUST_USE LAZY_API lazy_status lazy_module_set_param_shape(lazy_module *self, const char *name,
                                                               lazy_shape shape);

#ifdef __cplusplus
}
#endif
#endif
