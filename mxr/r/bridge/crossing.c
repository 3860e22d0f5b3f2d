/* The door's part in C: it converts the most frequent values. convert.py converts all others, value by value.

   R calls `door`, which calls the Python function of door.py. `request` converts R's arguments to Python, `result` converts Python's
   value to R, and `handle` makes a handle. R's functions are called by their addresses. Nothing is linked with R, so one build works with
   every R. Python's lock is held during all calls of functions that allocate in R (r_api.py gives the reason). */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *SEXP;
typedef struct { SEXP pointer; } AltrepClass;
enum { NILSXP = 0, LGLSXP = 10, INTSXP = 13, REALSXP = 14, STRSXP = 16, VECSXP = 19, EXTPTRSXP = 22, CE_UTF8 = 1, CE_BYTES = 3 };

/* R's functions that this file calls: result, name, arguments */
#define FUNCTIONS(X) \
    X(int, TYPEOF, (SEXP)) X(SEXP, ATTRIB, (SEXP)) X(SEXP, TAG, (SEXP)) X(SEXP, CAR, (SEXP)) X(SEXP, CDR, (SEXP)) \
    X(Py_ssize_t, Rf_xlength, (SEXP)) X(SEXP, VECTOR_ELT, (SEXP, Py_ssize_t)) X(SEXP, STRING_ELT, (SEXP, Py_ssize_t)) \
    X(int, LOGICAL_ELT, (SEXP, Py_ssize_t)) X(int, INTEGER_ELT, (SEXP, Py_ssize_t)) X(double, REAL_ELT, (SEXP, Py_ssize_t)) \
    X(const char *, R_CHAR, (SEXP)) X(int, Rf_getCharCE, (SEXP)) X(void *, R_ExternalPtrAddr, (SEXP)) \
    X(SEXP, Rf_protect, (SEXP)) X(void, Rf_unprotect, (int)) X(SEXP, Rf_allocVector, (unsigned, Py_ssize_t)) \
    X(SEXP, Rf_ScalarLogical, (int)) X(SEXP, Rf_ScalarInteger, (int)) X(SEXP, Rf_ScalarReal, (double)) \
    X(SEXP, SET_VECTOR_ELT, (SEXP, Py_ssize_t, SEXP)) X(void, SET_STRING_ELT, (SEXP, Py_ssize_t, SEXP)) \
    X(SEXP, Rf_mkCharLenCE, (const char *, int, int)) X(SEXP, Rf_setAttrib, (SEXP, SEXP, SEXP)) \
    X(SEXP, R_MakeExternalPtr, (void *, SEXP, SEXP)) X(void, R_RegisterCFinalizer, (SEXP, void (*)(SEXP))) \
    X(SEXP, R_new_altrep, (AltrepClass, SEXP, SEXP)) X(void, R_SetExternalPtrProtected, (SEXP, SEXP))

static struct {
#define X(result, name, arguments) result (*name) arguments;
    FUNCTIONS(X)
#undef X
} r;
static const char *const function_names[] = {
#define X(result, name, arguments) #name,
    FUNCTIONS(X)
#undef X
};
enum { COUNT = sizeof function_names / sizeof *function_names };

static SEXP nil, na_string, names_symbol, class_symbol, last_resort, interrupted;
static int *interrupts_pending;             /* R's variable */
static PyObject *objects;                   /* dict: the objects of handles, by the handles' addresses */
static PyObject *list_type;                 /* convert.RList */
static PyObject *door_function;             /* door._door */
static PyObject *in_python, *in_r;          /* convert.py: the Python value of an R object, given by its address; the reverse */
static PyObject *array_type, *handle_of;    /* NDArray; handles.made, the address of a new handle */

static PyObject *address_of(SEXP x) { return PyLong_FromVoidPtr(x); }

/* function(argument). Consumes the reference to `argument`, which may be NULL after an error. */
static PyObject *call_with(PyObject *function, PyObject *argument)
{
    if (!argument)
        return NULL;
    PyObject *value = PyObject_CallFunctionObjArgs(function, argument, NULL);
    Py_DECREF(argument);
    return value;
}

/* ------------------------------------------------------------------------------------------ R to Python */

/* An element of a character vector as a Python text. NULL, without an error, if convert.py has to convert it. */
static PyObject *text_of(SEXP x)
{
    if (x == na_string)
        return NULL;
    const char *s = r.R_CHAR(x);
    size_t n = strlen(s);
    int encoding = r.Rf_getCharCE(x);
    if (encoding == CE_BYTES)
        return NULL;
    for (size_t i = 0; encoding != CE_UTF8 && i < n; i++)
        if ((unsigned char)s[i] >= 0x80)
            return NULL;
    PyObject *text = PyUnicode_DecodeUTF8(s, (Py_ssize_t)n, "replace");
    if (!text)
        PyErr_Clear();
    return text;
}

static PyObject *to_python(SEXP x);

/* The names of a list: nil if it has none, NULL if it has other attributes. */
static SEXP plain_names(SEXP x)
{
    SEXP attributes = r.ATTRIB(x);
    if (attributes == nil)
        return nil;
    return r.TAG(attributes) == names_symbol && r.CDR(attributes) == nil ? r.CAR(attributes) : NULL;
}

/* An R list: a dict if all names are unique and not empty, else an RList. NULL, without an error, if convert.py has to convert it. */
static PyObject *list_of(SEXP x)
{
    SEXP names = plain_names(x);
    if (!names || Py_EnterRecursiveCall(" in the conversion of an R list"))
        return NULL;
    Py_ssize_t n = r.Rf_xlength(x);
    int unique = names != nil;
    PyObject *values = PyList_New(n), *keys = names != nil ? PyList_New(n) : NULL, *dict = PyDict_New(), *made = NULL;
    if (!values || !dict || (names != nil && !keys))
        goto end;
    for (Py_ssize_t i = 0; keys && i < n; i++) {
        PyObject *key = text_of(r.STRING_ELT(names, i));
        if (!key)
            goto end;
        unique = unique && *r.R_CHAR(r.STRING_ELT(names, i));
        PyList_SetItem(keys, i, key);
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *value = to_python(r.VECTOR_ELT(x, i));
        if (!value || PyList_SetItem(values, i, value) || (unique && PyDict_SetItem(dict, PyList_GetItem(keys, i), value)))
            goto end;
    }
    if (unique && PyDict_Size(dict) == n)
        made = Py_NewRef(dict);
    else
        made = PyObject_CallFunctionObjArgs(list_type, values, keys, NULL);
end:
    Py_LeaveRecursiveCall();
    Py_XDECREF(values);
    Py_XDECREF(keys);
    Py_XDECREF(dict);
    return made;
}

/* The Python value of a frequent kind of R object. NULL, without an error, if convert.py has to convert it. */
static PyObject *quick(SEXP x)
{
    int kind = r.TYPEOF(x);
    if (kind == NILSXP)
        return Py_NewRef(Py_None);
    if (kind == EXTPTRSXP) {
        PyObject *key = address_of(r.R_ExternalPtrAddr(x)), *value = key ? PyDict_GetItemWithError(objects, key) : NULL;
        Py_XDECREF(key);
        return Py_XNewRef(value);
    }
    if (kind == VECSXP)
        return list_of(x);
    if ((kind != LGLSXP && kind != INTSXP && kind != REALSXP && kind != STRSXP) || r.ATTRIB(x) != nil || r.Rf_xlength(x) != 1)
        return NULL;
    if (kind == STRSXP)
        return text_of(r.STRING_ELT(x, 0));
    if (kind == REALSXP) {
        double value = r.REAL_ELT(x, 0);
        return value == value ? PyFloat_FromDouble(value) : NULL;      /* NA, or another NaN */
    }
    int value = kind == LGLSXP ? r.LOGICAL_ELT(x, 0) : r.INTEGER_ELT(x, 0);
    if (value == -2147483647 - 1)
        return NULL;                                                    /* NA */
    return kind == LGLSXP ? PyBool_FromLong(value) : PyLong_FromLong(value);
}

static PyObject *to_python(SEXP x)
{
    PyObject *value = quick(x);
    return value || PyErr_Occurred() ? value : call_with(in_python, address_of(x));
}

/* The addresses of handles that R has collected. The next call removes their objects: R's collector may run without Python's lock. */
static void **dead;
static size_t dead_count, dead_room;

static void finalize(SEXP x)
{
    if (dead_count == dead_room) {
        size_t room = dead_room ? 2 * dead_room : 64;
        void **larger = realloc(dead, room * sizeof *dead);
        if (!larger)
            return;                                                     /* the object lives until the process ends */
        dead = larger, dead_room = room;
    }
    dead[dead_count++] = r.R_ExternalPtrAddr(x);
}

/* Remove the objects of the handles in `dead`. */
static int remove_dead(void)
{
    while (dead_count) {
        PyObject *key = PyLong_FromVoidPtr(dead[--dead_count]);
        if (!key)
            return 0;
        if (PyDict_DelItem(objects, key))
            PyErr_Clear();
        Py_DECREF(key);
    }
    return 1;
}

/* request(address of list(verb, ...)): (verb, arguments by position, arguments by name). An error if convert.py has to convert it. */
static PyObject *request(PyObject *module, PyObject *address)
{
    (void)module;
    SEXP x = PyLong_AsVoidPtr(address);
    if (!x || !remove_dead())
        return NULL;
    SEXP names = plain_names(x);
    Py_ssize_t n = r.Rf_xlength(x);
    PyObject *verb = n ? to_python(r.VECTOR_ELT(x, 0)) : NULL, *positional = PyList_New(0), *named = PyDict_New();
    PyObject *made = NULL;
    if (!names)
        goto end;
    for (Py_ssize_t i = 1; i < n && verb && positional && named; i++) {
        PyObject *value = to_python(r.VECTOR_ELT(x, i)), *name = NULL;
        SEXP given = names != nil ? r.STRING_ELT(names, i) : NULL;
        int failed = !value;
        if (value && given && *r.R_CHAR(given)) {
            name = text_of(given);
            failed = !name || PyDict_SetItem(named, name, value);
        } else if (value) {
            failed = PyList_Append(positional, value);
        }
        Py_XDECREF(value);
        Py_XDECREF(name);
        if (failed)
            goto end;
    }
    if (verb && positional && named)
        made = PyTuple_Pack(3, verb, positional, named);
end:
    Py_XDECREF(verb);
    Py_XDECREF(positional);
    Py_XDECREF(named);
    if (!made && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "convert.py has to convert this request");
    return made;
}

/* ------------------------------------------------------------------------------------------ Python to R */

static SEXP to_r(PyObject *value);

/* The R object whose address `function` returns. */
static SEXP through_python(PyObject *function, PyObject *value)
{
    PyObject *address = PyObject_CallFunctionObjArgs(function, value, NULL);
    SEXP x = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    return x;
}

/* A Python text as an element of a character vector. NULL, without an error, if convert.py has to convert it. */
static SEXP char_of(PyObject *text)
{
    Py_ssize_t n;
    const char *s = PyUnicode_Check(text) ? PyUnicode_AsUTF8AndSize(text, &n) : NULL;
    if (!s || n >= 2147483647 || memchr(s, 0, (size_t)n)) {
        PyErr_Clear();
        return NULL;
    }
    return r.Rf_mkCharLenCE(s, (int)n, CE_UTF8);
}

/* An R list of a Python list's values. `names` is a Python list, or NULL. */
static SEXP vector_of(PyObject *values, PyObject *names)
{
    if (Py_EnterRecursiveCall(" in the conversion to an R list"))
        return NULL;
    Py_ssize_t n = PyList_Size(values);
    SEXP vector = r.Rf_protect(r.Rf_allocVector(VECSXP, n)), labels = NULL;
    if (names)
        labels = r.Rf_protect(r.Rf_allocVector(STRSXP, n));
    SEXP made = vector;
    for (Py_ssize_t i = 0; made && names && i < n; i++) {
        SEXP label = char_of(PyList_GetItem(names, i));
        if (label)
            r.SET_STRING_ELT(labels, i, label);
        else
            made = NULL;
    }
    for (Py_ssize_t i = 0; made && i < n; i++) {
        SEXP x = to_r(PyList_GetItem(values, i));
        if (x)
            r.SET_VECTOR_ELT(vector, i, x);
        else
            made = NULL;
    }
    if (made && names)
        r.Rf_setAttrib(vector, names_symbol, labels);
    r.Rf_unprotect(names ? 2 : 1);
    Py_LeaveRecursiveCall();
    return made;
}

/* Whether a Python list becomes an R list: a list of numbers, logicals or texts only becomes a vector. */
static int is_mixed(PyObject *values)
{
    for (Py_ssize_t i = 0; i < PyList_Size(values); i++) {
        PyObject *x = PyList_GetItem(values, i);
        if (x != Py_None && !PyLong_Check(x) && !PyFloat_Check(x) && !PyUnicode_Check(x))
            return 1;
    }
    return 0;
}

/* The R object of a frequent kind of Python value, unprotected. NULL, without an error, if convert.py has to convert it. */
static SEXP quick_r(PyObject *value)
{
    if (value == Py_None)
        return nil;
    if ((PyObject *)Py_TYPE(value) == array_type)
        return through_python(handle_of, value);
    if (value == Py_True || value == Py_False)
        return r.Rf_ScalarLogical(value == Py_True);
    if (PyFloat_CheckExact(value))
        return r.Rf_ScalarReal(PyFloat_AsDouble(value));
    if (PyLong_CheckExact(value)) {
        int overflow;
        long number = PyLong_AsLongAndOverflow(value, &overflow);
        return overflow || number > 2147483647 || number < -2147483647 ? NULL : r.Rf_ScalarInteger((int)number);
    }
    if (PyList_CheckExact(value))
        return is_mixed(value) ? vector_of(value, NULL) : NULL;
    if (PyDict_CheckExact(value)) {
        PyObject *names = PyDict_Keys(value), *values = PyDict_Values(value);
        SEXP made = names && values ? vector_of(values, names) : NULL;
        Py_XDECREF(names);
        Py_XDECREF(values);
        return made;
    }
    return NULL;
}

/* The R object, unprotected. NULL with an error. */
static SEXP to_r(PyObject *value)
{
    SEXP x = quick_r(value);
    return x || PyErr_Occurred() ? x : through_python(in_r, value);
}

/* result(value): the address of the R object, unprotected */
static PyObject *result(PyObject *module, PyObject *value)
{
    (void)module;
    SEXP x = to_r(value);
    return x ? address_of(x) : NULL;
}

/* Read addresses from `count` arguments, of which there are `given`. */
static int read_addresses(void **at, Py_ssize_t count, PyObject *const *arguments, Py_ssize_t given)
{
    if (given != count) {
        PyErr_SetString(PyExc_TypeError, "another number of arguments");
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!(at[i] = PyLong_AsVoidPtr(arguments[i])) && PyErr_Occurred())
            return 0;
    return 1;
}

/* handle(number, class attribute, ALTREP class or 0): the address of a new handle, unprotected. saved.py explains the ALTREP class. */
static PyObject *handle(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    (void)module;
    void *at[3];
    if (!read_addresses(at, 3, arguments, given))
        return NULL;
    SEXP x = r.Rf_protect(r.R_MakeExternalPtr(at[0], nil, nil));
    r.Rf_setAttrib(x, class_symbol, at[1]);
    r.R_RegisterCFinalizer(x, finalize);
    if (at[2])
        r.R_SetExternalPtrProtected(x, r.R_new_altrep((AltrepClass){at[2]}, x, nil));
    r.Rf_unprotect(1);
    return address_of(x);
}

/* ------------------------------------------------------------------------------------------ the door */

/* The function that R calls. `door_function` reports all failures as values. If it fails itself, R gets `last_resort`. It is interrupted
   before its first instruction if another package or the script has installed a handler of SIGINT in Python since the last call. */
static SEXP door(SEXP asked, SEXP freed)
{
    PyGILState_STATE state = PyGILState_Ensure();
    SEXP x = NULL;
    PyObject *first = address_of(asked), *second = address_of(freed);
    PyObject *value = first && second ? PyObject_CallFunctionObjArgs(door_function, first, second, NULL) : NULL;
    if (value) {
        x = PyLong_AsVoidPtr(value);
    } else if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        PyErr_Clear();
        *interrupts_pending = 1;
        x = interrupted;
    }
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(door_function);
    Py_XDECREF(first);
    Py_XDECREF(second);
    Py_XDECREF(value);
    PyGILState_Release(state);
    return x ? x : last_resort;
}

/* The address of a signal's handler; None for the default action */
static PyObject *function_at(PyOS_sighandler_t function) { return function ? PyLong_FromVoidPtr((void *)function) : Py_NewRef(Py_None); }

/* set_signal(number, address of a C function): the address of the former function. get_signal(number). check_signals(). */
static PyObject *set_signal(PyObject *module, PyObject *args)
{
    (void)module;
    int number;
    PyObject *function;
    if (!PyArg_ParseTuple(args, "iO", &number, &function))
        return NULL;
    PyOS_sighandler_t wanted = (PyOS_sighandler_t)(function == Py_None ? NULL : PyLong_AsVoidPtr(function));
    return PyErr_Occurred() ? NULL : function_at(PyOS_setsig(number, wanted));
}

static PyObject *get_signal(PyObject *module, PyObject *number)
{
    (void)module;
    return function_at(PyOS_getsig((int)PyLong_AsLong(number)));
}

static PyObject *check_signals(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyErr_CheckSignals() ? NULL : Py_NewRef(Py_None);
}

/* output_failed(): whether a write to C's standard output, which R writes to, has failed */
static PyObject *output_failed(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyBool_FromLong(ferror(stdout));
}

/* connect([the addresses of NAMES], [the addresses of NULL, NA_character_, the symbols `names` and `class`, the last resort, the report of
            a Ctrl-C, R_interrupts_pending],
           [objects, list_type, door_function, in_python, in_r, array_type, handle_of]): the address of `door` */
static PyObject *connect(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *functions, *values, *ours;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &functions, &PyList_Type, &values, &PyList_Type, &ours))
        return NULL;
    void **const all = (void **)&r;
    SEXP *const constants[] = {&nil, &na_string, &names_symbol, &class_symbol, &last_resort, &interrupted};
    PyObject **const kept[] = {&objects, &list_type, &door_function, &in_python, &in_r, &array_type, &handle_of};
    if (PyList_Size(functions) != COUNT || PyList_Size(values) != 7 || PyList_Size(ours) != 7) {
        PyErr_SetString(PyExc_ValueError, "connect: lists of other lengths");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < COUNT; i++)
        all[i] = PyLong_AsVoidPtr(PyList_GetItem(functions, i));
    for (Py_ssize_t i = 0; i < 6; i++)
        *constants[i] = PyLong_AsVoidPtr(PyList_GetItem(values, i));
    interrupts_pending = PyLong_AsVoidPtr(PyList_GetItem(values, 6));
    for (Py_ssize_t i = 0; i < 7; i++)
        *kept[i] = Py_NewRef(PyList_GetItem(ours, i));
    return PyErr_Occurred() ? NULL : PyLong_FromVoidPtr((void *)door);
}

static PyMethodDef methods[] = {
    {"connect", connect, METH_VARARGS, "Set the addresses and objects that this module uses."},
    {"request", request, METH_O, "The verb of a call from R, its arguments by position and by name."},
    {"result", result, METH_O, "The R object of a Python value."},
    {"handle", (PyCFunction)(void (*)(void))handle, METH_FASTCALL, "A new handle."},
    {"set_signal", set_signal, METH_VARARGS, "Replace the C function that handles a signal."},
    {"output_failed", output_failed, METH_NOARGS, "Whether a write to standard output has failed."},
    {"get_signal", get_signal, METH_O, "The C function that handles a signal."},
    {"check_signals", check_signals, METH_NOARGS, "Handle the signals that have arrived."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_crossing", "The door's C part; see mxr.r.bridge.crossing.", -1,
                                        methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__crossing(void)
{
    PyObject *module = PyModule_Create(&definition), *names = PyList_New(0);
    if (!module || !names)
        return NULL;
    for (int i = 0; i < COUNT; i++) {
        PyObject *name = PyUnicode_FromString(function_names[i]);
        if (!name || PyList_Append(names, name))
            return NULL;
        Py_DECREF(name);
    }
    return PyModule_AddObjectRef(module, "NAMES", names) ? NULL : module;
}
