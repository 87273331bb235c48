module github.com/ctxfit/libctxfit/bindings/go

go 1.19
